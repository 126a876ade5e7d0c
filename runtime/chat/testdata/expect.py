"""Writes expected/: what Jinja2 makes of templates/ and cases.json, set up as Hugging Face transformers does.

Needs Jinja2 3.1. A first line of "error: " is a template's refusal, "-" a case that is
not for this template since it adds None to a string.
"""
import json
import pathlib
from datetime import datetime

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = lambda format: datetime(2026, 3, 7, 14, 5, 9).strftime(format)

here = pathlib.Path(__file__).parent
cases = json.loads((here / "cases.json").read_text())
for source in sorted((here / "templates").glob("*.jinja")):
    template = env.from_string(source.read_text())
    for name, case in cases.items():
        try:
            text = template.render(messages=case["messages"], tools=case.get("tools"), documents=None,
                                   add_generation_prompt=True, bos_token="<s>", eos_token="</s>")
        except TypeError:
            text = "-"
        except jinja2.exceptions.TemplateError as e:
            text = "error: " + str(e)
        (here / "expected" / f"{source.stem}.{name}.txt").write_text(text)

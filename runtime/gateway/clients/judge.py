"""Holds recorded answers of the Responses API to the models of openresponses-types.

    judge.py FILE [STREAM ...]

They are generated from the Open Responses specification. FILE is what a Recorder wrote; a
STREAM has events as they are sent.
"""

import json
import sys

import openresponses_types as spec
from pydantic import BaseModel, ValidationError

# Where clients and the specification differ, clients are served. All SDKs of OpenAI and the AI
# SDK read a model's reasoning from response.reasoning_text.*, and none from what the specification
# calls these events; their fields are the same.
EVENTS = {"response.reasoning_text.delta": "response.reasoning.delta", "response.reasoning_text.done": "response.reasoning.done"}


def events():
    """The model of each type of event."""
    found = {}
    for model in vars(spec).values():
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__name__.endswith("StreamingEvent"):
            for kind in model.model_fields["type"].annotation:
                found[kind.value] = model
    return found


def judged(answers):
    """Yields what is wrong; counts what there is."""
    models = events()
    for answer in answers:
        where = f"{answer['method']} {answer['path']}"
        if answer["status"] != 200:
            continue  # the specification has errors in streams alone
        if answer["type"] == "application/json":
            body = json.loads(answer["body"])
            if body["object"] == "response":
                COUNTS["answers"] += 1
                yield from check(where, spec.ResponseResource, body)
            continue
        number = -1
        for block in answer["body"].split("\n\n")[:-1]:  # the last one may be cut off: its client went away
            data = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
            if not data:
                continue
            event = json.loads(data[0])
            COUNTS["events"] += 1
            event["type"] = EVENTS.get(event["type"], event["type"])
            if event["type"] not in models:
                yield f"{where}: the specification has no event {event['type']}"
                continue
            yield from check(where, models[event["type"]], event)
            if number >= 0 and event["sequence_number"] != number + 1:
                yield f"{where}: event {event['sequence_number']} comes behind {number}"
            number = event["sequence_number"]


def check(where, model, said):
    try:
        # An answer says again the schema that it was asked to hold to, as at OpenAI. Of the
        # specification's answer this is the one field without a type, and null in the models.
        text = said.get("response", said).get("text")
        if isinstance(text, dict) and "schema" in text["format"]:
            text["format"]["schema"] = None
        model.model_validate(said)
    except ValidationError as e:
        yield f"{where}: {model.__name__}: {e}\n{json.dumps(said)[:1000]}"


COUNTS = {"answers": 0, "events": 0}


def main():
    with open(sys.argv[1]) as f:
        answers = [json.loads(line) for line in f]
    for path in sys.argv[2:]:
        with open(path) as f:
            answers.append({"method": "file", "path": path, "status": 200, "type": "text/event-stream", "body": f.read()})
    wrong = list(judged(answers))
    for w in wrong[:20]:
        print(w, file=sys.stderr)
    print(f"Open Responses: {COUNTS['answers']} answers and {COUNTS['events']} events, {len(wrong)} of them other than the specification says")
    sys.exit(bool(wrong) or not all(COUNTS.values()))


if __name__ == "__main__":
    main()

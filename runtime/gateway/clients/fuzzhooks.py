"""What schemathesis sends is asked to be answered in a few words."""

import schemathesis

LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        for name in LIMITS:
            if type(body.get(name)) is int and body[name] > 4:
                body[name] = 4
    return body

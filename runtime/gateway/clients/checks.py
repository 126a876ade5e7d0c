"""Official Python clients against a gateway, each check a line of JSON.

BASE is the gateway; FLAKY is the same behind a proxy that drops the first answer to every
request, so that a client has to send it once more.
"""

import asyncio
import json
import os
import sys
import time
import urllib.error
import urllib.request

BASE, FLAKY = os.environ["BASE"], os.environ["FLAKY"]
KEY = "none"
MODEL = "default"
LONG = "Write a very long story about a river, with many chapters."

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


def post(path, body, headers=None):
    """A request without any client; its status, headers and JSON."""
    request = urllib.request.Request(
        BASE + path, json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request) as r:
            return r.status, r.headers, json.load(r)
    except urllib.error.HTTPError as e:
        return e.code, e.headers, json.load(e)


def was_cancelled(path, body, headers):
    """The turn of a request whose client went away came to nothing: sent once more, it is another one."""
    deadline = time.time() + 20
    while True:
        request = urllib.request.Request(
            BASE + path, json.dumps({**body, "stream": True}).encode(), {"content-type": "application/json", "x-stainless-retry-count": "1"}
        )
        with urllib.request.urlopen(request) as r:
            now = r.headers
        if any(now[h] != headers[h] for h in ("x-interlude-program", "x-interlude-turn")):
            return
        assert time.time() < deadline, "the turn goes on"
        time.sleep(0.2)


# --- openai -----------------------------------------------------------------------------


def openai_client(base=BASE):
    import openai

    return openai.OpenAI(base_url=base + "/v1", api_key=KEY)


CHAT_TOOL = [{"type": "function", "function": {"name": "weather", "description": "The weather of a city.", "parameters": WEATHER}}]


def openai_streaming():
    stream = openai_client().chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Say hello."}], stream=True, max_tokens=20, temperature=0,
        stream_options={"include_usage": True},
    )
    text, finish, usage, chunks = "", None, None, 0
    for c in stream:
        usage = c.usage or usage
        for choice in c.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            chunks += 1
    assert text and finish in ("stop", "length") and usage.completion_tokens > 0 and chunks > 3, (text, finish, usage)


def openai_tools():
    c = openai_client()
    messages = [{"role": "user", "content": "How is the weather in Paris for 3 days?"}]
    first = c.chat.completions.with_raw_response.create(
        model=MODEL, messages=messages, tools=CHAT_TOOL, tool_choice="required", max_tokens=60, temperature=0, parallel_tool_calls=False
    )
    answer = first.parse().choices[0]
    assert answer.finish_reason == "tool_calls" and len(answer.message.tool_calls) == 1, answer
    call = answer.message.tool_calls[0]
    arguments = json.loads(call.function.arguments)
    assert arguments["city"] in ("Paris", "Rome") and 1 <= arguments["days"] <= 9, arguments
    messages += [answer.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = c.chat.completions.with_raw_response.create(model=MODEL, messages=messages, tools=CHAT_TOOL, max_tokens=20, temperature=0)
    assert second.headers["x-interlude-program"] == first.headers["x-interlude-program"], "the second request is another program"
    assert second.headers["x-interlude-turn"] == "2" and second.parse().usage.prompt_tokens_details.cached_tokens > 0


def openai_parallel():
    stream = openai_client().chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "The weather in Paris and in Rome, please."}], tools=CHAT_TOOL,
        tool_choice="required", parallel_tool_calls=True, max_tokens=200, temperature=0, stream=True,
    )
    ids, arguments = {}, {}
    for c in stream:
        for choice in c.choices:
            for call in choice.delta.tool_calls or []:
                if call.id:
                    assert call.index not in ids, "an id came twice"
                    ids[call.index] = call.id
                arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    assert sorted(ids) == list(range(len(ids))) and len(set(ids.values())) == len(ids) > 0, ids
    for text in arguments.values():
        json.loads(text)
    return f"{len(ids)} calls"


def openai_structured():
    from pydantic import BaseModel

    class City(BaseModel):
        name: str
        inhabitants: int

    answer = openai_client().chat.completions.parse(
        model=MODEL, messages=[{"role": "user", "content": "Describe Paris."}], response_format=City, max_tokens=100, temperature=0
    )
    assert isinstance(answer.choices[0].message.parsed, City)


def openai_retry():
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Say hi to a friend."}], "max_tokens": 10, "temperature": 0}
    answer = openai_client(FLAKY).chat.completions.with_raw_response.create(**body)
    assert answer.parse().choices[0].message.content and answer.headers["x-interlude-turn"] == "1"
    again, headers, _ = post("/v1/chat/completions", body, {"x-stainless-retry-count": "1"})
    assert again == 200 and headers["x-interlude-program"] == answer.headers["x-interlude-program"], "the retry was another program"


def openai_cancel():
    body = {"model": MODEL, "messages": [{"role": "user", "content": LONG + " (1)"}], "max_tokens": 4000, "stream": True}
    stream = openai_client().chat.completions.create(**body)
    next(iter(stream))
    stream.close()
    was_cancelled("/v1/chat/completions", body, stream.response.headers)


# --- openai, Responses ------------------------------------------------------------------

RESPONSE_TOOL = [{"type": "function", "name": "weather", "description": "The weather of a city.", "parameters": WEATHER, "strict": True}]


def responses_streaming():
    with openai_client().responses.stream(model=MODEL, input="Say hello.", max_output_tokens=400, temperature=0) as stream:
        kinds = [e.type for e in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created" and final.output_text, kinds


def responses_tools():
    c = openai_client()
    first = c.responses.create(
        model=MODEL, input="How is the weather in Paris?", tools=RESPONSE_TOOL, tool_choice="required", max_output_tokens=80, temperature=0
    )
    call = next(i for i in first.output if i.type == "function_call")
    second = c.responses.create(
        model=MODEL, previous_response_id=first.id, max_output_tokens=20, temperature=0, tools=RESPONSE_TOOL,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}],
    )
    assert second.output and second.usage.input_tokens_details.cached_tokens > 0, second


def responses_parallel():
    answer = openai_client().responses.create(
        model=MODEL, input="The weather in Paris and in Rome, please.", tools=RESPONSE_TOOL, tool_choice="required", parallel_tool_calls=True,
        max_output_tokens=200, temperature=0,
    )
    calls = [i for i in answer.output if i.type == "function_call"]
    assert calls and len({i.call_id for i in calls}) == len(calls), answer.output
    return f"{len(calls)} calls"


def responses_structured():
    from pydantic import BaseModel

    class City(BaseModel):
        name: str
        inhabitants: int

    answer = openai_client().responses.parse(model=MODEL, input="Describe Paris.", text_format=City, max_output_tokens=100, temperature=0)
    assert isinstance(answer.output_parsed, City)


def responses_retry():
    answer = openai_client(FLAKY).responses.create(model=MODEL, input="Say hi to an uncle.", max_output_tokens=10, temperature=0)
    assert answer.output_text


def responses_cancel():
    body = {"model": MODEL, "input": LONG + " (2)", "max_output_tokens": 4000, "stream": True}
    stream = openai_client().responses.create(**body)
    for e in stream:
        if e.type == "response.output_text.delta":
            break
    stream.close()
    was_cancelled("/v1/responses", body, stream.response.headers)


# --- anthropic --------------------------------------------------------------------------


def anthropic_client(base=BASE):
    import anthropic

    return anthropic.Anthropic(base_url=base, api_key=KEY)


ANTHROPIC_TOOL = [{"name": "weather", "description": "The weather of a city.", "input_schema": WEATHER}]


def anthropic_streaming():
    with anthropic_client().messages.stream(model=MODEL, max_tokens=20, messages=[{"role": "user", "content": "Say hello."}]) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.stop_reason in ("end_turn", "max_tokens") and final.usage.output_tokens > 0, final


def anthropic_tools():
    c = anthropic_client()
    messages = [{"role": "user", "content": "How is the weather in Paris for 3 days?"}]
    first = c.messages.create(
        model=MODEL, max_tokens=80, messages=messages, tools=ANTHROPIC_TOOL, tool_choice={"type": "any", "disable_parallel_tool_use": True}
    )
    call = next(b for b in first.content if b.type == "tool_use")
    assert first.stop_reason == "tool_use" and call.input["city"] in ("Paris", "Rome"), first
    messages += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]},
    ]
    second = c.messages.create(model=MODEL, max_tokens=20, messages=messages, tools=ANTHROPIC_TOOL)
    assert second.usage.cache_read_input_tokens > 0, second.usage


def anthropic_parallel():
    with anthropic_client().messages.stream(
        model=MODEL, max_tokens=200, tools=ANTHROPIC_TOOL, tool_choice={"type": "any", "disable_parallel_tool_use": False},
        messages=[{"role": "user", "content": "The weather in Paris and in Rome, please."}],
    ) as stream:
        calls = [b for b in stream.get_final_message().content if b.type == "tool_use"]
    assert calls and len({b.id for b in calls}) == len(calls)
    return f"{len(calls)} calls"


def anthropic_structured():
    answer = anthropic_client().messages.create(
        model=MODEL, max_tokens=80, messages=[{"role": "user", "content": "Weather in Rome?"}],
        extra_body={"output_format": {"type": "json_schema", "schema": WEATHER}},
    )
    assert json.loads(answer.content[0].text)["city"] in ("Paris", "Rome"), answer


def anthropic_retry():
    answer = anthropic_client(FLAKY).messages.create(model=MODEL, max_tokens=10, messages=[{"role": "user", "content": "Say hi to an aunt."}])
    assert answer.content


def anthropic_cancel():
    body = {"model": MODEL, "max_tokens": 4000, "messages": [{"role": "user", "content": LONG + " (3)"}]}
    with anthropic_client().messages.stream(**body) as stream:
        for _ in stream.text_stream:
            break
    was_cancelled("/v1/messages", body, stream.response.headers)


# --- litellm ----------------------------------------------------------------------------


def litellm_completion(**more):
    import litellm

    litellm.suppress_debug_info = True
    return litellm.completion(model="openai/" + MODEL, api_base=BASE + "/v1", api_key=KEY, temperature=0, **more)


def litellm_streaming():
    text = ""
    for c in litellm_completion(messages=[{"role": "user", "content": "Say hello."}], stream=True, max_tokens=20):
        text += c.choices[0].delta.content or ""
    assert text


def litellm_tools():
    answer = litellm_completion(messages=[{"role": "user", "content": "Weather in Rome?"}], tools=CHAT_TOOL, tool_choice="required", max_tokens=80)
    assert json.loads(answer.choices[0].message.tool_calls[0].function.arguments)["city"]


def litellm_structured():
    schema = {"type": "json_schema", "json_schema": {"name": "w", "strict": True, "schema": WEATHER}}
    answer = litellm_completion(messages=[{"role": "user", "content": "Weather in Rome?"}], response_format=schema, max_tokens=80)
    assert json.loads(answer.choices[0].message.content)["city"] in ("Paris", "Rome")


# --- OpenAI Agents ----------------------------------------------------------------------


def agents_run(kind):
    import agents

    agents.set_tracing_disabled(True)
    client = __import__("openai").AsyncOpenAI(base_url=BASE + "/v1", api_key=KEY)
    wrap = {"chat": agents.OpenAIChatCompletionsModel, "responses": agents.OpenAIResponsesModel}[kind]
    asked = []

    @agents.function_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "sunny"

    agent = agents.Agent(
        name="w", instructions="Answer briefly.", model=wrap(MODEL, openai_client=client), tools=[weather],
        model_settings=agents.ModelSettings(tool_choice="required", temperature=0, max_tokens=80),
    )
    result = asyncio.run(agents.Runner.run(agent, "How is the weather in Paris?", max_turns=4))
    assert asked and result.final_output is not None, result


def agents_tools():
    agents_run("responses")


def agents_chat_tools():
    agents_run("chat")


CHECKS = {
    "openai (py)": {
        "streaming": openai_streaming, "tools": openai_tools, "parallel": openai_parallel, "structured": openai_structured,
        "retry": openai_retry, "cancel": openai_cancel,
    },
    "openai (py), Responses": {
        "streaming": responses_streaming, "tools": responses_tools, "parallel": responses_parallel, "structured": responses_structured,
        "retry": responses_retry, "cancel": responses_cancel,
    },
    "anthropic (py)": {
        "streaming": anthropic_streaming, "tools": anthropic_tools, "parallel": anthropic_parallel, "structured": anthropic_structured,
        "retry": anthropic_retry, "cancel": anthropic_cancel,
    },
    "litellm": {"streaming": litellm_streaming, "tools": litellm_tools, "structured": litellm_structured},
    "openai-agents (py)": {"tools": agents_tools},
    "openai-agents (py), Chat": {"tools": agents_chat_tools},
}


def main():
    for client, checks in CHECKS.items():
        for name, check in checks.items():
            if sys.argv[1:] and not any(word in client for word in sys.argv[1:]):
                continue
            try:
                note, ok = check(), True
            except Exception as e:
                note, ok = f"{type(e).__name__}: {e}"[:400], False
            print(json.dumps({"client": client, "check": name, "ok": ok, "note": note}), flush=True)
    os._exit(0)  # clients leave threads behind


main()

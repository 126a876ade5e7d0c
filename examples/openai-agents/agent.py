"""An agent of OpenAI's SDK on Interlude, unchanged but for its base URL.

    pip install openai-agents
    OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=none python examples/openai-agents/agent.py

Each request goes on with the program of the one before: the answers' last line says how much of
the prompt was in the cache.
"""

import asyncio
import pathlib

from agents import Agent, ModelSettings, Runner, function_tool, set_default_openai_api, set_tracing_disabled

set_tracing_disabled(True)
set_default_openai_api("chat_completions")  # Responses works as well, and has no penalty that keeps a small model from going round in circles


@function_tool
def list_folder() -> str:
    """The files of this folder."""
    return "\n".join(sorted(p.name for p in pathlib.Path(".").iterdir()))


async def main():
    agent = Agent(
        name="lister", model="default", instructions="You look at folders. Answer in one sentence.", tools=[list_folder],
        # A small model calls a tool when it has to.
        model_settings=ModelSettings(tool_choice="required", temperature=0, frequency_penalty=0.5, max_tokens=200),
    )
    result = await Runner.run(agent, "What is in this folder?")
    print(result.final_output)
    for n, response in enumerate(result.raw_responses, 1):
        u = response.usage
        print(f"request {n}: {u.input_tokens} tokens of prompt, {u.input_tokens_details.cached_tokens} of them in the cache")


asyncio.run(main())

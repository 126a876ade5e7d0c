// Official JavaScript clients against a gateway, each check a line of JSON; see checks.py. Arguments
// are parts of names of clients: others are not checked.
import assert from "node:assert/strict";
import OpenAI from "openai";

// What is not installed fails the checks that need it.
const load = (name) => import(name).catch(() => ({}));
const { default: Anthropic } = await load("@anthropic-ai/sdk");
const { generateText, streamText, generateObject, tool, jsonSchema, stepCountIs } = await load("ai");
const { createOpenAICompatible } = await load("@ai-sdk/openai-compatible");
const { Agent, run, tool: agentTool, setTracingDisabled, OpenAIResponsesModel } = await load("@openai/agents");
const { ChatOpenAI } = await load("@langchain/openai");
const { createReactAgent } = await load("@langchain/langgraph/prebuilt");
const { tool: langTool } = await load("@langchain/core/tools");
const { z } = await load("zod");

const { BASE, FLAKY } = process.env;
const key = "none", model = "default";
const LONG = "Write a very long story about a mountain, with many chapters.";
const weatherSchema = {
  type: "object", properties: { city: { type: "string", enum: ["Paris", "Rome"] } }, required: ["city"], additionalProperties: false,
};
const chatTool = [{ type: "function", function: { name: "weather", description: "The weather of a city.", parameters: weatherSchema } }];
const ask = (text) => [{ role: "user", content: text }];

// wasCancelled: the turn of a request whose client went away came to nothing; sent once more, it is another one.
async function wasCancelled(path, body, headers) {
  for (let n = 0; ; n++) {
    const r = await fetch(BASE + path, {
      method: "POST", body: JSON.stringify({ ...body, stream: true }), headers: { "content-type": "application/json", "x-stainless-retry-count": "1" },
    });
    await r.body.cancel();
    if (["x-interlude-program", "x-interlude-turn"].some((h) => r.headers.get(h) !== headers.get(h))) return;
    assert.ok(n < 100, "the turn goes on");
    await new Promise((done) => setTimeout(done, 200));
  }
}

const openai = (base = BASE) => new OpenAI({ baseURL: base + "/v1", apiKey: key });
const anthropic = (base = BASE) => new Anthropic({ baseURL: base, apiKey: key });
const compatible = (base = BASE) =>
  createOpenAICompatible({ name: "interlude", baseURL: base + "/v1", apiKey: key, supportsStructuredOutputs: true })(model);

const checks = {
  "openai (js)": {
    async streaming() {
      const stream = openai().chat.completions.stream({ model, messages: ask("Say hello."), max_tokens: 20, temperature: 0 });
      const answer = await stream.finalChatCompletion();
      assert.ok(answer.choices[0].message.content);
    },
    async tools() {
      const runner = openai().chat.completions.runTools({
        model, messages: ask("How is the weather in Paris?"), max_tokens: 80, temperature: 0, tool_choice: { type: "function", function: { name: "weather" } },
        tools: [{ type: "function", function: { name: "weather", parameters: weatherSchema, parse: JSON.parse, function: ({ city }) => `sunny in ${city}` } }],
      });
      await runner.done();
      assert.ok(runner.messages.some((m) => m.role === "tool"));
    },
    async parallel() {
      const stream = openai().chat.completions.stream({
        model, messages: ask("The weather in Paris and in Rome."), tools: chatTool, tool_choice: "required", parallel_tool_calls: true, max_tokens: 200, temperature: 0,
      });
      const calls = (await stream.finalChatCompletion()).choices[0].message.tool_calls;
      assert.equal(new Set(calls.map((c) => c.id)).size, calls.length);
      return `${calls.length} calls`;
    },
    async structured() {
      const answer = await openai().chat.completions.parse({
        model, messages: ask("Weather in Rome?"), max_tokens: 80, temperature: 0,
        response_format: { type: "json_schema", json_schema: { name: "w", strict: true, schema: weatherSchema } },
      });
      assert.ok(["Paris", "Rome"].includes(JSON.parse(answer.choices[0].message.content).city));
    },
    async retry() {
      const answer = await openai(FLAKY).chat.completions.create({ model, messages: ask("Say hi to a cousin."), max_tokens: 10, temperature: 0 });
      assert.ok(answer.choices[0].message.content);
    },
    async cancel() {
      const body = { model, messages: ask(LONG + " (4)"), max_tokens: 4000 };
      const { data: stream, response } = await openai().chat.completions.create({ ...body, stream: true }).withResponse();
      for await (const _ of stream) break;
      stream.controller.abort();
      await wasCancelled("/v1/chat/completions", body, response.headers);
    },
  },
  "openai (js), Responses": {
    async streaming() {
      const stream = openai().responses.stream({ model, input: "Say hello.", max_output_tokens: 20, temperature: 0 });
      assert.ok((await stream.finalResponse()).output_text);
    },
    async tools() {
      const tools = [{ type: "function", name: "weather", parameters: weatherSchema, strict: true }];
      const stream = openai().responses.stream({ model, input: "Weather in Paris?", tools, tool_choice: "required", max_output_tokens: 80, temperature: 0 });
      const call = (await stream.finalResponse()).output.find((i) => i.type === "function_call");
      assert.ok(JSON.parse(call.arguments).city);
    },
    async retry() {
      assert.ok((await openai(FLAKY).responses.create({ model, input: "Say hi to a niece.", max_output_tokens: 10, temperature: 0 })).output_text);
    },
  },
  "anthropic (js)": {
    async streaming() {
      const answer = await anthropic().messages.stream({ model, max_tokens: 20, messages: ask("Say hello.") }).finalMessage();
      assert.ok(answer.content[0].text);
    },
    async tools() {
      const answer = await anthropic().messages.stream({
        model, max_tokens: 80, messages: ask("Weather in Paris?"), tool_choice: { type: "any" },
        tools: [{ name: "weather", input_schema: weatherSchema }],
      }).finalMessage();
      assert.ok(answer.content.find((b) => b.type === "tool_use").input.city);
    },
    async retry() {
      assert.ok((await anthropic(FLAKY).messages.create({ model, max_tokens: 10, messages: ask("Say hi to a nephew.") })).content);
    },
  },
  "AI SDK": {
    async streaming() {
      const { textStream } = streamText({ model: compatible(), prompt: "Say hello.", maxOutputTokens: 20, temperature: 0 });
      let text = "";
      for await (const t of textStream) text += t;
      assert.ok(text);
    },
    async tools() {
      let asked = 0;
      const weather = tool({ description: "The weather of a city.", inputSchema: jsonSchema(weatherSchema), execute: async () => (asked++, "sunny") });
      await generateText({
        model: compatible(), prompt: "Weather in Paris?", tools: { weather }, toolChoice: "required", maxOutputTokens: 80, temperature: 0, stopWhen: stepCountIs(2),
      });
      assert.ok(asked > 0);
    },
    async structured() {
      const { object } = await generateObject({ model: compatible(), prompt: "Weather in Rome?", schema: jsonSchema(weatherSchema), maxOutputTokens: 80, temperature: 0 });
      assert.ok(["Paris", "Rome"].includes(object.city));
    },
    async retry() {
      assert.ok((await generateText({ model: compatible(FLAKY), prompt: "Say hi to a friend of mine.", maxOutputTokens: 10, temperature: 0 })).text);
    },
  },
  "OpenAI Agents (js)": {
    async tools() {
      setTracingDisabled(true);
      let asked = 0;
      const weather = agentTool({ name: "weather", description: "The weather of a city.", parameters: z.object({ city: z.string() }), execute: async () => (asked++, "sunny") });
      const agent = new Agent({
        name: "w", instructions: "Answer briefly.", tools: [weather], model: new OpenAIResponsesModel(openai(), model),
        modelSettings: { toolChoice: "required", temperature: 0, maxTokens: 400 },
      });
      await run(agent, "Weather in Paris?", { maxTurns: 4 });
      assert.ok(asked > 0);
    },
  },
  "LangGraph.js": {
    async tools() {
      let asked = 0;
      const weather = langTool(async () => (asked++, "sunny"), { name: "weather", description: "The weather of a city.", schema: z.object({ city: z.string() }) });
      const llm = new ChatOpenAI({ model, apiKey: key, configuration: { baseURL: BASE + "/v1" }, temperature: 0, maxTokens: 80 });
      const first = await llm.bindTools([weather], { tool_choice: "required" }).invoke("Weather in Paris?");
      assert.ok(first.tool_calls.length > 0);
      const agent = createReactAgent({ llm, tools: [weather] });
      const answer = await agent.invoke({ messages: ask("Say hello.") });
      assert.ok(answer.messages.length > 1);
    },
    async streaming() {
      const llm = new ChatOpenAI({ model, apiKey: key, configuration: { baseURL: BASE + "/v1" }, temperature: 0, maxTokens: 20 });
      let text = "";
      for await (const c of await llm.stream("Say hello.")) text += c.content;
      assert.ok(text);
    },
  },
};

const wanted = process.argv.slice(2);
for (const [client, each] of Object.entries(checks)) {
  if (wanted.length && !wanted.some((name) => client.includes(name))) continue;
  for (const [check, f] of Object.entries(each)) {
    let ok = true, note;
    try {
      note = await f();
    } catch (e) {
      [ok, note] = [false, String(e?.stack ?? e).slice(0, 400)];
    }
    console.log(JSON.stringify({ client, check, ok, note }));
  }
}
process.exit(0);

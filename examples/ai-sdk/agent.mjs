// An agent of the AI SDK on Interlude, unchanged but for its base URL.
//
//   npm install --prefix examples/ai-sdk
//   node examples/ai-sdk/agent.mjs
import { readdirSync } from "node:fs";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, stepCountIs, tool } from "ai";

const interlude = createOpenAICompatible({ name: "interlude", baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8080/v1", apiKey: "none" });

const listFolder = tool({
  description: "The files of this folder.",
  inputSchema: jsonSchema({ type: "object", properties: {}, additionalProperties: false }),
  execute: async () => readdirSync(".").sort().join("\n"),
});

const { text, steps } = await generateText({
  model: interlude("default"), system: "You look at folders. Answer in one sentence.", prompt: "What is in this folder?",
  tools: { listFolder }, temperature: 0, frequencyPenalty: 0.5, maxOutputTokens: 200, stopWhen: stepCountIs(3),
  // A small model calls a tool when it has to.
  prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "none" }),
});
console.log(text);
steps.forEach(({ usage }, n) => console.log(`request ${n + 1}: ${usage.inputTokens} tokens of prompt, ${usage.inputTokenDetails?.cacheReadTokens ?? usage.cachedInputTokens} of them in the cache`));

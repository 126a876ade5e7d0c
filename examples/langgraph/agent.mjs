// An agent of LangGraph.js on Interlude, unchanged but for its base URL.
//
//   npm install --prefix examples/langgraph
//   node examples/langgraph/agent.mjs
import { readdirSync } from "node:fs";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { END, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { z } from "zod";

const llm = new ChatOpenAI({
  model: "default", apiKey: "none", temperature: 0, frequencyPenalty: 0.5, maxTokens: 200,
  configuration: { baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8080/v1" },
});
const listFolder = tool(async () => readdirSync(".").sort().join("\n"), { name: "list_folder", description: "The files of this folder.", schema: z.object({}) });

// A small model calls a tool when it has to, so look is a step of its own.
const graph = new StateGraph(MessagesAnnotation)
  .addNode("look", async ({ messages }) => ({ messages: [await llm.bindTools([listFolder], { tool_choice: "required" }).invoke(messages)] }))
  .addNode("tools", new ToolNode([listFolder]))
  .addNode("answer", async ({ messages }) => ({ messages: [await llm.bindTools([listFolder], { tool_choice: "none" }).invoke(messages)] }))
  .addEdge(START, "look").addEdge("look", "tools").addEdge("tools", "answer").addEdge("answer", END)
  .compile();

const { messages } = await graph.invoke({ messages: [["system", "You look at folders. Answer in one sentence."], ["user", "What is in this folder?"]] });
console.log(messages.at(-1).content);
for (const [n, m] of messages.filter((m) => m.usage_metadata).entries()) {
  const u = m.usage_metadata;
  console.log(`request ${n + 1}: ${u.input_tokens} tokens of prompt, ${u.input_token_details?.cache_read ?? 0} of them in the cache`);
}

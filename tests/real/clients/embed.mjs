// The official client for JavaScript: takes a task as JSON, prints what the client makes of the answers.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { VERSION } from "openai/version";

const task = JSON.parse(readFileSync(0, "utf8"));
const client = new OpenAI({ baseURL: task.url, apiKey: "none", maxRetries: 0 });
const answers = [];
for (const call of task.calls) {
  try {
    const made = await client.embeddings.create(call);
    answers.push({
      vectors: made.data.map((item) => item.embedding),
      model: made.model,
      object: made.object,
      indexes: made.data.map((item) => item.index),
      tokens: [made.usage.prompt_tokens, made.usage.total_tokens],
    });
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    answers.push({ status: error.status, message: error.message });
  }
}
console.log(JSON.stringify({ version: VERSION, answers }));

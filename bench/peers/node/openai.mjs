// The npm package openai with p-limit: what a script in JavaScript would use. Keeps its rows in memory.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import pLimit from "p-limit";

const task = JSON.parse(readFileSync(process.argv[2], "utf8"));
const client = new OpenAI({ baseURL: task.url, apiKey: "none", timeout: 600_000 });
const limit = pLimit(task.in_flight);
const cpu = () => {
  const used = process.cpuUsage();
  return (used.user + used.system) / 1e6;
};

async function ask(prompt) {
  const answer = await client.chat.completions.create({
    ...task.parameters,
    messages: [
      { role: "system", content: task.system },
      { role: "user", content: task.prefix + prompt },
    ],
  });
  return answer.choices[0].message.content;
}

const cpuBefore = cpu();
const started = performance.now();
const settled = await Promise.allSettled(task.prompts.map((p) => limit(() => ask(p))));
const seconds = (performance.now() - started) / 1000;
const rows = settled.filter((s) => s.status === "fulfilled" && s.value.length > 0).length;
const problem = settled.find((s) => s.status === "rejected")?.reason?.toString() ?? null;
console.log(JSON.stringify({ seconds, rows, cpu_before: cpuBefore, problem }));

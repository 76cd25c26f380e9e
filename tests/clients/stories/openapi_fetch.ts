// openapi-typescript's types with openapi-fetch, through the whole story.
import { readFileSync, writeFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { components, paths } from "./client/schema.js";

const env = process.env as Record<"URL" | "KEY" | "DATASET" | "SEEDS" | "NPY", string>;
const path = { dataset: env.DATASET };
const client = (key: string) =>
  createClient<paths>({ baseUrl: env.URL, headers: { Authorization: `Bearer ${key}` } });

/** The data of an answer, or an end of the story. */
function ok<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

/** What the client's error says about a request that fails. */
function problem(answer: { error?: components["schemas"]["Problem"] }) {
  const said = answer.error;
  return said && { status: said.status, type: said.type, pointers: (said.errors ?? []).map((e) => e.pointer) };
}

const api = client(env.KEY);

async function captions() {
  const pages = [];
  let token: string | undefined;
  do {
    const page = ok(
      await api.GET("/v1/datasets/{dataset}/captions", {
        params: { path, query: { page_size: 4, page_token: token } },
      }),
    );
    pages.push(page.items.map((caption) => [caption.id, caption.text]));
    token = page.next_page_token;
  } while (token);
  return pages;
}

const made = ok(
  await api.PUT("/v1/datasets/{dataset}", { params: { path }, body: { shards: 4, description: "A story" } }),
);
const counts = ok(
  await api.POST("/v1/datasets/{dataset}/seeds/import", {
    params: { path, query: { source: "story" } },
    headers: { "Content-Type": "application/octet-stream" },
    body: readFileSync(env.SEEDS) as unknown as string, // the type of binary bodies is string
    bodySerializer: (body) => body,
  }),
);
let run = ok(
  await api.POST("/v1/datasets/{dataset}/runs", {
    params: { path },
    body: { stages: ["captions", "dialogues", "representations"] },
  }),
);
while (run.state === "queued" || run.state === "running") {
  run = ok(await api.GET("/v1/runs/{run}", { params: { path: { run: run.id }, query: { wait: "25s" } } }));
}
const dialogues = ok(
  await api.GET("/v1/datasets/{dataset}/dialogues", { params: { path, query: { page_size: 1000 } } }),
);
const [floats, packed] = [
  ok(
    await api.GET("/v1/datasets/{dataset}/representations", {
      params: { path, query: { transfer: "mean_shift" } },
    }),
  ),
  ok(
    await api.GET("/v1/datasets/{dataset}/representations", {
      params: { path, query: { transfer: "mean_shift", encoding_format: "base64" } },
    }),
  ),
];
const npy = ok(
  await api.GET("/v1/datasets/{dataset}/representations.npy", {
    params: { path, query: { transfer: "mean_shift" } },
    parseAs: "arrayBuffer",
  }),
);
writeFileSync(env.NPY, Buffer.from(npy));
const noise = ok(
  await api.POST("/v1/datasets/{dataset}/transfers", {
    params: { path },
    body: { method: "noise", parameters: { seed: Number.MAX_SAFE_INTEGER } },
  }),
);
const missing = await api.GET("/v1/datasets/{dataset}/captions", {
  params: { path: { dataset: env.DATASET + "-not" } },
});
const malformed = await api.GET("/v1/datasets/{dataset}/captions", {
  params: { path, query: { page_token: "nonsense" } },
});
const invalid = await api.POST("/v1/datasets/{dataset}/seeds", {
  params: { path },
  body: { seeds: [{ text: "A dog." }, { text: " " }] },
});
const stranger = await client("wrong").GET("/v1/datasets/{dataset}", { params: { path } });
console.log(
  JSON.stringify({
    dataset: [made.name, made.shards],
    imported: [counts.received, counts.new, counts.refused],
    run: [run.id, run.state, run.stages.map((stage) => [stage.name, stage.done])],
    captions: await captions(),
    dialogues: dialogues.items.map((d) => [d.id, d.task, d.conversations.length]),
    vectors: Object.fromEntries(floats.items.map((item) => [item.id, item.vector])),
    base64: Object.fromEntries(packed.items.map((item) => [item.id, item.vector_base64])),
    int64: noise.parameters.seed,
    missing: problem(missing),
    malformed: problem(malformed),
    invalid: problem(invalid),
    stranger: problem(stranger),
  }),
);

// openapi-generator's client for TypeScript with fetch, through the whole story.
import { readFileSync, writeFileSync } from "node:fs";
import * as m from "./client/index.js";

const env = process.env as Record<"URL" | "KEY" | "DATASET" | "SEEDS" | "NPY", string>;
const dataset = env.DATASET;
const client = (key: string) => new m.Configuration({ basePath: env.URL, accessToken: key });

/** What the client's error says about a request that fails. */
async function problem(call: Promise<unknown>) {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof m.ResponseError)) throw error;
    const said = m.ProblemFromJSON(await error.response.json());
    return { status: said.status, type: said.type, pointers: (said.errors ?? []).map((e) => e.pointer) };
  }
  return null;
}

async function captions(results: m.ResultsApi) {
  const pages = [];
  let pageToken: string | undefined;
  do {
    const page = await results.listCaptions({ dataset, pageSize: 4, pageToken });
    pages.push(page.items.map((caption) => [caption.id, caption.text]));
    pageToken = page.nextPageToken;
  } while (pageToken);
  return pages;
}

const api = client(env.KEY);
const [datasets, seeds, runs] = [new m.DatasetsApi(api), new m.SeedsApi(api), new m.RunsApi(api)];
const [results, vectors] = [new m.ResultsApi(api), new m.RepresentationsApi(api)];

const made = await datasets.putDataset({ dataset, datasetRequest: { shards: 4, description: "A story" } });
const body = new Blob([readFileSync(env.SEEDS)]);
const counts = await seeds.importSeeds({ dataset, body, source: "story" });
let run = await runs.createRun({
  dataset,
  runRequest: { stages: ["captions", "dialogues", "representations"] },
});
while (run.state === "queued" || run.state === "running") run = await runs.getRun({ run: run.id, wait: "25s" });
const dialogues = await results.listDialogues({ dataset, pageSize: 1000 });
const floats = await vectors.listRepresentations({ dataset, transfer: "mean_shift" });
const packed = await vectors.listRepresentations({ dataset, transfer: "mean_shift", encodingFormat: "base64" });
const npy = await vectors.exportNpy({ dataset, transfer: "mean_shift" });
writeFileSync(env.NPY, Buffer.from(await npy.arrayBuffer()));
const noise = await vectors.createTransfer({
  dataset,
  transferRequest: { method: "noise", parameters: { seed: Number.MAX_SAFE_INTEGER } },
});
console.log(
  JSON.stringify({
    dataset: [made.name, made.shards],
    imported: [counts.received, counts._new, counts.refused],
    run: [run.id, run.state, run.stages.map((stage) => [stage.name, stage.done])],
    captions: await captions(results),
    dialogues: dialogues.items.map((d) => [d.id, d.task, d.conversations.length]),
    vectors: Object.fromEntries(floats.items.map((item) => [item.id, item.vector])),
    base64: Object.fromEntries(packed.items.map((item) => [item.id, item.vectorBase64])),
    int64: noise.parameters.seed,
    missing: await problem(results.listCaptions({ dataset: dataset + "-not" })),
    malformed: await problem(results.listCaptions({ dataset, pageToken: "nonsense" })),
    invalid: await problem(
      seeds.createSeeds({ dataset, seedsRequest: { seeds: [{ text: "A dog." }, { text: " " }] } }),
    ),
    stranger: await problem(new m.DatasetsApi(client("wrong")).getDataset({ dataset })),
  }),
);

//! progenitor's Rust client through the whole story.
use futures::TryStreamExt;
use serde_json::{json, Value};

progenitor::generate_api!(spec = "openapi.yaml", interface = Builder);

type Anything<T> = Result<T, Box<dyn std::error::Error>>;

fn env(name: &str) -> String {
    std::env::var(name).expect(name)
}

/// A key goes with each request as a header of the HTTP client's own.
fn client(key: &str) -> Anything<Client> {
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("Authorization", format!("Bearer {key}").parse()?);
    let http = reqwest::Client::builder().default_headers(headers).build()?;
    Ok(Client::new_with_client(&env("URL"), http))
}

async fn bytes(stream: ByteStream) -> Anything<Vec<u8>> {
    let pieces: Vec<bytes::Bytes> = stream.into_inner().try_collect().await?;
    Ok(pieces.concat())
}

/// What the client's error says about a request that fails.
async fn problem<T>(answer: Result<T, Error<ByteStream>>) -> Anything<Value> {
    match answer {
        Err(Error::ErrorResponse(said)) => {
            let status = said.status().as_u16();
            let told: types::Problem = serde_json::from_slice(&bytes(said.into_inner()).await?)?;
            let pointers: Vec<_> = told.errors.into_iter().map(|e| e.pointer).collect();
            Ok(json!({"status": status, "type": told.type_, "pointers": pointers}))
        }
        Err(other) => Err(other.to_string().into()),
        Ok(_) => Ok(Value::Null),
    }
}

async fn captions(api: &Client, dataset: &str) -> Anything<Value> {
    let (mut pages, mut token) = (vec![], None);
    loop {
        let mut request = api.list_captions().dataset(dataset).page_size(4u64);
        if let Some(token) = token {
            request = request.page_token(token);
        }
        let page = request.send().await?.into_inner();
        pages.push(json!(page.items.iter().map(|c| json!([c.id, c.text])).collect::<Vec<_>>()));
        token = page.next_page_token;
        if token.is_none() {
            return Ok(json!(pages));
        }
    }
}

async fn finish(api: &Client, dataset: &str) -> Anything<types::Run> {
    use types::{RunRequestStagesItem as Stage, RunState};
    let body = types::RunRequest::builder().stages(vec![Stage::Captions, Stage::Dialogues, Stage::Representations]);
    let mut run = api.create_run().dataset(dataset).body(body).send().await?.into_inner();
    while matches!(run.state, RunState::Queued | RunState::Running) {
        run = api.get_run().run(run.id.to_string()).wait("25s").send().await?.into_inner();
    }
    Ok(run)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Anything<()> {
    let (api, stranger, name) = (client(&env("KEY"))?, client("wrong")?, env("DATASET"));
    let dataset = name.as_str();
    let body = types::DatasetRequest::builder().shards(std::num::NonZeroU64::new(4)).description(Some("A story".parse()?));
    let made = api.put_dataset().dataset(dataset).body(body).send().await?.into_inner();
    let lines = std::fs::read(env("SEEDS"))?;
    let counts = api.import_seeds().dataset(dataset).source("story").body(lines).send().await?.into_inner();
    let run = finish(&api, dataset).await?;
    let stages: Vec<_> = run.stages.iter().map(|s| json!([s.name, s.done])).collect();
    let dialogues = api.list_dialogues().dataset(dataset).page_size(1000u64).send().await?.into_inner();
    let read = || api.list_representations().dataset(dataset).transfer("mean_shift");
    let floats = read().send().await?.into_inner();
    let base64 = types::ListRepresentationsEncodingFormat::Base64;
    let packed = read().encoding_format(base64).send().await?.into_inner();
    let npy = api.export_npy().dataset(dataset).transfer("mean_shift").send().await?.into_inner();
    std::fs::write(env("NPY"), bytes(npy).await?)?;
    let noise = types::TransferRequest::builder()
        .method(types::TransferRequestMethod::Noise)
        .parameters(types::TransferParameters::builder().seed((1i64 << 53) - 1).try_into().ok());
    let transfer = api.create_transfer().dataset(dataset).body(noise).send().await?.into_inner();
    let seeds: Vec<types::SeedInput> = serde_json::from_value(json!([{"text": "A dog."}, {"text": " "}]))?;
    let invalid = api.create_seeds().dataset(dataset).body(types::SeedsRequest::builder().seeds(seeds));
    let told = json!({
        "dataset": [made.name, made.shards],
        "imported": [counts.received, counts.new, counts.refused],
        "run": [run.id, run.state, stages],
        "captions": captions(&api, dataset).await?,
        "dialogues": dialogues.items.iter().map(|d| json!([d.id, d.task, d.conversations.len()])).collect::<Vec<_>>(),
        "vectors": floats.items.iter().map(|i| (i.id.to_string(), json!(i.vector))).collect::<serde_json::Map<_, _>>(),
        "base64": packed.items.iter().map(|i| (i.id.to_string(), json!(i.vector_base64))).collect::<serde_json::Map<_, _>>(),
        "int64": transfer.parameters.seed,
        "missing": problem(api.list_captions().dataset(format!("{dataset}-not")).send().await).await?,
        "malformed": problem(api.list_captions().dataset(dataset).page_token("nonsense").send().await).await?,
        "invalid": problem(invalid.send().await).await?,
        "stranger": problem(stranger.get_dataset().dataset(dataset).send().await).await?,
    });
    println!("{told}");
    Ok(())
}

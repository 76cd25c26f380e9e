"""Python clients on one task, each as its documentation shows it: python.py CLIENT TASK.json

Prints one line of JSON: seconds of the requests alone, rows that came out, CPU used before the first.
"""
import asyncio
import json
import logging
import pathlib
import sys
import time


def messages(task, prompt):
    return [{"role": "system", "content": task["system"]},
            {"role": "user", "content": task["prefix"] + prompt}]


async def gather(task, ask):
    """One coroutine a prompt behind a semaphore; what fails is no row."""
    semaphore = asyncio.Semaphore(task["in_flight"])

    async def one(prompt):
        async with semaphore:
            try:
                return await ask(prompt)
            except Exception as problem:  # pylint: disable=broad-except
                return problem

    begin(task)
    rows = await asyncio.gather(*[one(prompt) for prompt in task["prompts"]])
    end(task)
    task["problem"] = next((repr(row) for row in rows if not isinstance(row, str)), None)
    return sum(isinstance(row, str) and bool(row) for row in rows)


def begin(task):
    task["cpu_before"], task["started"] = time.process_time(), time.monotonic()


def end(task):
    task["seconds"] = time.monotonic() - task["started"]


def run_openai(task):
    import openai

    async def all_of_it():
        async with openai.AsyncOpenAI(base_url=task["url"], api_key="none", timeout=600) as client:
            async def ask(prompt):
                answer = await client.chat.completions.create(messages=messages(task, prompt),
                                                              **task["parameters"])
                return answer.choices[0].message.content
            return await gather(task, ask)
    return asyncio.run(all_of_it())


def run_aiohttp(task):
    import aiohttp

    async def all_of_it():
        connector = aiohttp.TCPConnector(limit=task["in_flight"])
        async with aiohttp.ClientSession(connector=connector) as session:
            async def ask(prompt):
                body = {**task["parameters"], "messages": messages(task, prompt)}
                async with session.post(task["url"] + "/chat/completions", json=body) as answer:
                    return (await answer.json())["choices"][0]["message"]["content"]
            return await gather(task, ask)
    return asyncio.run(all_of_it())


def run_litellm(task):
    import litellm
    parameters = {**task["parameters"]}
    model = "openai/" + parameters.pop("model")

    async def all_of_it():
        async def ask(prompt):
            answer = await litellm.acompletion(model=model, api_base=task["url"], api_key="none",
                                               messages=messages(task, prompt), **parameters)
            return answer.choices[0].message.content
        return await gather(task, ask)
    return asyncio.run(all_of_it())


def run_datatrove(task, checkpoints=False):
    from datatrove.data import Document
    from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
    from datatrove.pipeline.writers import JsonlWriter
    from loguru import logger
    logger.remove()
    folder = pathlib.Path(task["folder"])
    parameters = {k: v for k, v in task["parameters"].items() if k != "model"}

    async def rollout(document, generate):
        if "started" not in task:
            begin(task)
        answer = await generate({"messages": messages(task, document.text)})
        return answer.text

    config = InferenceConfig(
        server_type="endpoint", model_name_or_path=task["parameters"]["model"],
        endpoint_url=task["url"].removesuffix("/v1"), default_generation_params=parameters,
        max_concurrent_generations=task["in_flight"], server_ready_delay_sec=0.1)
    kept = {"checkpoints_local_dir": str(folder / "checkpoints"), "records_per_chunk": 500} if checkpoints else {}
    name = "${rank}_${chunk_index}.jsonl" if checkpoints else "${rank}.jsonl"
    runner = InferenceRunner(rollout_fn=rollout, config=config,
                             output_writer=JsonlWriter(str(folder / "out"), name, compression=None), **kept)
    runner.run(Document(text=text, id=str(i)) for i, text in enumerate(task["prompts"]))
    end(task)
    rows = 0
    for path in (folder / "out").glob("*.jsonl"):
        rows += sum(bool(json.loads(line)["metadata"]["rollout_results"][0])
                    for line in path.read_text(encoding="utf-8").splitlines())
    return rows


CLIENTS = {
    "openai": run_openai,
    "aiohttp": run_aiohttp,
    "litellm": run_litellm,
    "datatrove": run_datatrove,
    "datatrove-checkpoints": lambda task: run_datatrove(task, checkpoints=True),
}


def main():
    logging.disable(logging.WARNING)
    task = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
    rows = CLIENTS[sys.argv[1]](task)
    print(json.dumps({"seconds": task["seconds"], "rows": rows, "cpu_before": task["cpu_before"],
                      "problem": task.get("problem")}))


main()

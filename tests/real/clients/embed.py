"""The official Python client: takes a task as JSON, prints what the client makes of the answers."""
import json
import sys

import openai

task = json.load(sys.stdin)
client = openai.OpenAI(base_url=task["url"], api_key="none", max_retries=0)
answers = []
for arguments in task["calls"]:
    try:
        made = client.embeddings.create(**arguments)
        answers.append({"vectors": [item.embedding for item in made.data], "model": made.model,
                        "object": made.object, "indexes": [item.index for item in made.data],
                        "tokens": [made.usage.prompt_tokens, made.usage.total_tokens]})
    except openai.APIStatusError as error:
        answers.append({"status": error.status_code, "message": f"{error}: {error.body}"})
print(json.dumps({"version": openai.__version__, "answers": answers}))

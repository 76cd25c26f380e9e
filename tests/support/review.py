"""A review as its reviewers use it."""
import hashlib


def draw_order(captions, seed):
    """Caption ids in the order of the draw, written without a look at the program."""
    return sorted(captions, key=lambda id: hashlib.sha256(f"review:{seed}{id}".encode()).digest())


class Review:
    def __init__(self, dataset, **body):
        self.api = dataset.api
        self.made = self.api.call("create_review", dataset=dataset.name, json=body).json()
        self.id = self.made["id"]
        self.path = f"/v1/reviews/{self.id}"

    def get(self):
        return self.api.call("get_review", review=self.id).json()

    def counts(self):
        return self.get()["counts"]

    def lease(self, reviewer="ann", count=100, api=None):
        """The items by the ids of their captions, in their order."""
        body = {"reviewer": reviewer, "count": count}
        answer = (api or self.api).call("lease_review_items", review=self.id, json=body).json()
        assert len(answer["items"]) <= count
        return {item["caption_id"]: item for item in answer["items"]}

    def post(self, verdicts, reviewer="ann", api=None):
        return (api or self.api).call("give_verdicts", review=self.id, json={
            "reviewer": reviewer, "verdicts": verdicts}).json()

    def give(self, item, verdict, reviewer="ann", **more):
        """One verdict that must be stored; what the answer says of it."""
        answer = self.post([{"caption_id": item["caption_id"], "token": item["token"], "verdict": verdict,
                             **more}], reviewer)
        assert not answer["refused"], answer
        stored, = answer["items"]
        return stored

    def verdicts(self, **params):
        return self.api.items(self.path + "/verdicts", **params)

"""The Python client of the API: the command line, the agent and other programs use it.

    from bayplan.client import Client, contains, exact

    with Client("http://127.0.0.1:8000", username="admin", password="...") as bayplan:
        for image in bayplan.images.list(exact("tasks", "train"), contains("name", "torch"), order_by=["-name"]):
            print(image["pk"], image["name"], image["version"])
        answer = bayplan.match(worker={"driver_version": "535.104.05", "compute_capability": "8.6"}, task="train")
        print(answer["matches"][0]["image"]["url"])

Answers are plain dictionaries, exactly the API's JSON. `bayplan.schemas` has their types (`schemas.docker.ImageAnswer`).
Refusals are the exceptions of `bayplan.errors`: `detail` is the server's sentence, `problems` has every single problem.
"""

from bayplan.client.client import Client
from bayplan.client.filters import any_of, both, compare, contains, exact, is_null
from bayplan.client.tokens import Tokens

__all__ = ["Client", "Tokens", "any_of", "both", "compare", "contains", "exact", "is_null"]

"""Asks the served model of examples/recommendation for a user's top ten and prints their titles.

    python examples/recommendation/ask.py USER [--state DIR]      # served on this machine
    python examples/recommendation/ask.py USER --url URL          # served anywhere else

Standard library only: this is what any client would do.
"""

import argparse
import csv
import json
import subprocess
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent


def served_url(state: str) -> str:
    """The address that the ModelDeployment's status shows."""
    command = ["forebay", "get", "modeldeployment", "movies", "-o", "json", "--state", state]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command line
    return json.loads(shown.stdout)["status"]["url"]


def recommend(url: str, user: str) -> dict:
    """One HTTP request to the served model."""
    body = json.dumps({"user": user, "top": 10}).encode()
    request = urllib.request.Request(  # noqa: S310 - the address comes from our own status
        f"{url}/recommend", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def main() -> None:
    """Prints rank, score and title."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("user")
    parser.add_argument("--state", default=".forebay")
    parser.add_argument("--url", help="address of the served model; asked of --state when left out")
    arguments = parser.parse_args()
    with (HERE / "data" / "movies.csv").open(newline="", encoding="utf-8") as file:
        titles = {row["movie_id"]: row["title"] for row in csv.DictReader(file)}
    url = arguments.url or served_url(arguments.state)
    answer = recommend(url, arguments.user)
    print(
        f"POST {url}/recommend  {{user: {arguments.user}, top: 10}}  ->  {answer['model_version']}"
    )
    for item in answer["items"]:
        print(f"  {item['rank']:>2}  {item['score']:.2f}  {titles.get(item['item'], item['item'])}")


if __name__ == "__main__":
    main()

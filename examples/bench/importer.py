"""The importer that an expert would write in an afternoon: asyncio and aiohttp, one session, N workers on one reader.

    importer.py INPUT ENDPOINT RESULTS WORKERS

Columns and fields come from the environment variable BENCH_FIELDS (JSON: pairs of column and field). Repeats what the
network or the server did wrong; writes a results CSV. No ledger, no order per shipment, results in order of arrival.
"""

import asyncio
import csv
import json
import os
import sys
from datetime import datetime
from decimal import Decimal

import aiohttp

SERVICES = {"GND-R": "UPS", "EXP-1": "UPS", "SVR-2": "UPS"}
FIELDS = [(column, field) for column, field in json.loads(os.environ["BENCH_FIELDS"]) if field]
PLAIN = [(column, field) for column, field in FIELDS if column not in ("created", "total", "service")]
ATTEMPTS = 5


def payload(row):
    made = {field: row[column] for column, field in PLAIN if row[column]}
    made["order_date"] = datetime.strptime(row["created"], "%d.%m.%Y %H:%M").strftime("%Y-%m-%d %H:%M:%S")
    made["amount"] = f"{Decimal(row['total'].replace('.', '').replace(',', '.')):.2f}"
    made["carrier_type"] = SERVICES.get(row["service"], row["service"])
    return made


async def send(session, url, body):
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with session.post(url, data=body) as response:
                answer = await response.json()
                if response.status < 500 and response.status != 429:
                    sent = response.status == 200 and answer.get("status") == "Success"
                    return "sent" if sent else "rejected", response.status, attempt, answer.get("message", "")
                trouble = f"HTTP {response.status}"
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            trouble = str(error)
        await asyncio.sleep(2**attempt)
    return "failed", "", ATTEMPTS, trouble


async def work(rows, session, url, results):
    for number, row in rows:
        try:
            made = payload(row)
        except (KeyError, ValueError, ArithmeticError) as error:
            results.writerow([number, row.get("order_id"), row.get("tracking"), "invalid", "", 0, error])
            continue
        status, code, attempts, message = await send(session, url, json.dumps(made).encode())
        results.writerow([number, made["order_no"], made["trackingnumber"], status, code, attempts, message])


async def main(source, url, target, workers):
    headers = {
        "Content-Type": "application/json",
        "X-Auth-Email": os.environ["LATESHIPMENT_EMAIL"],
        "X-Auth-Key": os.environ["LATESHIPMENT_API_KEY"],
    }
    connector = aiohttp.TCPConnector(limit=workers)
    timeout = aiohttp.ClientTimeout(total=30)
    with open(source, newline="", encoding="utf-8") as read, open(target, "w", newline="", encoding="utf-8") as written:
        rows = enumerate(csv.DictReader(read), 1)
        results = csv.writer(written)
        results.writerow(["row", "order_no", "trackingnumber", "status", "http_status", "attempts", "message"])
        async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:
            await asyncio.gather(*(work(rows, session, url, results) for _ in range(workers)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))

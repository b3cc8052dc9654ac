"""The least that passing a streamed answer on can take: bytes from a model to a client, through bare aiohttp.

OPENAI_BASE_URL=http://…/v1 python -m benchmarks.streams.relay PORT
"""

import os
import sys
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

_CLIENT: web.AppKey[aiohttp.ClientSession] = web.AppKey("client")


async def opened(application: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        application[_CLIENT] = client
        yield


async def complete(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    async with request.app[_CLIENT].post(
        f"{os.environ['OPENAI_BASE_URL']}/chat/completions", data=body
    ) as reply:
        await answer.prepare(request)
        async for piece in reply.content.iter_any():
            await answer.write(piece)
    return answer


if __name__ == "__main__":
    application = web.Application()
    application.cleanup_ctx.append(opened)
    application.router.add_post("/v1/chat/completions", complete)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)

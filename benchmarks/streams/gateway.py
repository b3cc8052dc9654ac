"""What a team writes in an afternoon, to compare with: FastAPI, ChatOpenAI, no retrieval and no citations.

OPENAI_BASE_URL=http://…/v1 python -m benchmarks.streams.gateway PORT
"""

import json
import sys
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from langchain_openai import ChatOpenAI

application = FastAPI()
model = ChatOpenAI(model="paced", api_key="none", max_tokens=800, temperature=0)  # type: ignore[arg-type]


@application.post("/v1/chat/completions")
async def complete(request: Request) -> StreamingResponse:
    body = await request.json()

    async def frames() -> AsyncIterator[str]:
        async for piece in model.astream(body["messages"]):
            chunk = {
                "id": "chatcmpl-2",
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": {"content": piece.content}, "finish_reason": None}],
            }
            yield f"data: {json.dumps(chunk)}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

"""The rpcs of ChatService."""

from uuid import UUID

import grpc
from raia.llm.v1 import chat_service_pb2, chat_service_pb2_grpc
from raia_kit.context import current_call

from raia_llm.chat.service import ChatService
from raia_llm.passages.converters import to_passage


class ChatServicer(chat_service_pb2_grpc.ChatServiceServicer):
    """Questions and answers."""

    def __init__(self, chat: ChatService) -> None:
        self._chat = chat

    def Chat(
        self, request: chat_service_pb2.ChatRequest, _context: grpc.ServicerContext
    ) -> chat_service_pb2.ChatAnswer:
        """Answers one question."""
        ids = [UUID(each) for each in request.document_ids]
        answer = self._chat.ask(current_call(), request.message, ids, request.passages or 5, request.provider)
        reply = answer.reply
        message = chat_service_pb2.ChatAnswer(
            id=str(answer.id),
            answer=reply.text,
            citations=map(to_passage, reply.citations),
            grounded=bool(reply.citations),
            provider=answer.provider,
            model=reply.model,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
        )
        message.created_at.FromDatetime(answer.created_at)
        return message

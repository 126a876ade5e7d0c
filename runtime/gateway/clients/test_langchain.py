"""LangChain's standard suite for chat models, against a gateway."""

import os

import pytest
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestInterlude(ChatModelIntegrationTests):
    @property
    def chat_model_class(self):
        return ChatOpenAI

    @property
    def chat_model_params(self):
        return {"model": "default", "base_url": os.environ["BASE"] + "/v1", "api_key": "none", "stream_usage": True, "temperature": 0, "max_tokens": 200}

    @property
    def supports_image_inputs(self):
        return False

    @property
    def has_tool_choice(self):
        return True

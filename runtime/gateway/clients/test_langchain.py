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
        return {"model": "default", "base_url": os.environ["BASE"] + "/v1", "api_key": "none", "stream_usage": True, "temperature": 0, "frequency_penalty": 0.5, "max_tokens": 600}

    @property
    def supports_image_inputs(self):
        return False

    @property
    def has_tool_choice(self):
        return True

    # It wants a call that the model chooses to make by itself, which one of 135 million parameters does by luck.
    @pytest.mark.xfail(reason="the default model is too small to choose a tool", strict=False)
    @pytest.mark.parametrize("model", [{}, {"output_version": "v1"}], indirect=True)
    def test_agent_loop(self, model):
        super().test_agent_loop(model)

    # It wants words of the question in the arguments, which this model repeats by luck: the tokens of two answers may differ where one found its prompt in the cache.
    @pytest.mark.xfail(reason="the default model is too small to repeat Japanese", strict=False)
    def test_unicode_tool_call_integration(self, model):
        super().test_unicode_tool_call_integration(model)

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.errors import TemplateFailed
from app.core.resources import resource
from app.engine.protocol import ChatMessage
from app.engine.templates import ChatTemplate, choose_template

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
REFUSES_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('No system role') }}{% endif %}" + CHATML
DROPS_SYSTEM = CHATML.replace("%}<|im_start|>", "%}{% if message.role == 'system' %}{% continue %}{% endif %}", 1)
ALTERNATES = (
    "{% for message in messages %}{% if loop.previtem is defined and loop.previtem.role == message.role %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}{% endfor %}" + CHATML
)

SYSTEM = ChatMessage("system", "Be brief.")
QUESTION = ChatMessage("user", "What is 2 + 2?")
ANSWER = ChatMessage("assistant", "4")
THANKS = ChatMessage("user", "Thanks!")
CONVERSATION = (SYSTEM, QUESTION, ANSWER, THANKS)


def render(text: str, *messages: ChatMessage, bos: str = "", eos: str = "") -> str:
    return ChatTemplate(text, "model").render(messages or CONVERSATION, bos, eos)


def test_a_conversation_is_rendered_up_to_the_assistants_turn():
    assert render(CHATML) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n"
        "<|im_start|>assistant\n4<|im_end|>\n<|im_start|>user\nThanks!<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("text", [REFUSES_SYSTEM, DROPS_SYSTEM], ids=["refuses", "drops"])
def test_a_template_without_a_system_role_gets_the_system_prompt_in_the_first_user_turn(text: str):
    rendered = render(text)
    assert "user\nBe brief.\n\nWhat is 2 + 2?<|im_end|>" in rendered
    assert rendered.count("Be brief.") == 1


def test_a_template_without_a_system_role_needs_no_system_prompt():
    assert "user\nWhat is 2 + 2?<|im_end|>" in render(REFUSES_SYSTEM, QUESTION)


def test_two_turns_of_the_same_role_become_one_only_where_the_template_refuses_them():
    assert "What is 2 + 2?\n\nThanks!" in render(ALTERNATES, QUESTION, THANKS)
    assert "What is 2 + 2?\n\nThanks!" not in render(CHATML, QUESTION, THANKS)


def test_a_template_may_refuse_both_a_system_role_and_two_turns_of_the_same_role():
    refuses_both = REFUSES_SYSTEM.removesuffix(CHATML) + ALTERNATES
    assert "user\nBe brief.\n\nWhat is 2 + 2?\n\nThanks!<|im_end|>" in render(refuses_both, SYSTEM, QUESTION, THANKS)


def test_a_template_sees_what_templates_are_written_for():
    text = (
        "{{ bos_token }}{% if tools is defined %}tools{% endif %}{% generation %}said{% endgeneration %}"
        "{{ strftime_now('%Y')[:2] }}{{ messages[0] | tojson }}{% for m in messages %}{% break %}{% endfor %}"
        "{{ eos_token }}"
    )
    all_texts = "{% for m in messages %}{{ m.content }}{% endfor %}"
    rendered = render(text + all_texts, ChatMessage("user", "<é>"), bos="<s>", eos="</s>")
    assert rendered == '<s>said20{"role": "user", "content": "<é>"}</s><é>'


def test_what_a_template_adds_but_does_not_have_adds_nothing():
    assert render("{{ 'Functions: ' + functions + '.' }}" + CHATML).startswith("Functions: .<|im_start|>")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{% for message in messages %}{% endif %}", "line 1"),
        ("{{ raise_exception('Never.') }}", "It says: Never."),
        ("{{ messages[0].content + 1 }}", "str"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for i in range(10 ** 9) %}{% endfor %}", "too big"),
        ("{% for i in range(99999) %}{{ 'much too long' }}{% endfor %}", "without end"),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "recursion"),
        ("{{ 1 / 0 }}", "zero"),
        ("{% for i in [1] %}" * 30 + "{% endfor %}" * 30, "nested"),
        ("{{ lipsum(10 ** 9) }}", "undefined"),
    ],
)
def test_a_template_that_cannot_render_is_told_with_its_reason(text: str, reason: str):
    with pytest.raises(TemplateFailed) as failed:
        ChatTemplate(text + CHATML, "model")
    assert reason in failed.value.detail


def test_a_template_that_fails_on_a_certain_message_fails_with_that_message():
    template = ChatTemplate("{% if 'x' in messages[0].content %}{{ 1 / 0 }}{% endif %}" + CHATML, "model")
    with pytest.raises(TemplateFailed):
        template.render([ChatMessage("user", "x")])


def test_the_models_own_template_comes_first():
    template = choose_template(CHATML, "tinyllama-1.1b-chat-v1.0", "tinyllama.gguf")
    assert template.source == "model"
    assert template.render([QUESTION]).startswith("<|im_start|>user")


@pytest.mark.parametrize(
    "names", [("TinyLlama 1.1B Chat v1.0", "x.gguf"), ("", "tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf")]
)
def test_tinyllama_without_a_template_gets_zephyrs(names: tuple[str, str]):
    template = choose_template(None, *names)
    assert template.source == "catalogue"
    assert template.render([SYSTEM, QUESTION], "<s>", "</s>") == (
        "<|system|>\nBe brief.</s>\n<|user|>\nWhat is 2 + 2?</s>\n<|assistant|>\n"
    )


def test_an_unknown_model_without_a_template_gets_a_plain_one():
    template = choose_template("", "Nobody's model", "model.gguf")
    assert template.source == "plain"
    assert template.render(CONVERSATION) == (
        "Be brief.\n\nUser: What is 2 + 2?\nAssistant: 4\nUser: Thanks!\nAssistant:"
    )


def test_every_entry_of_the_catalogue_has_a_template_that_shows_the_whole_conversation():
    catalogue = json.loads(resource("model_catalogue.json").read_text("utf-8"))
    assert {model["template"] for model in catalogue["models"]} == set(catalogue["templates"])
    for text in catalogue["templates"].values():
        rendered = ChatTemplate(text, "catalogue").render(CONVERSATION, "<s>", "</s>")
        assert all(message.text in rendered for message in CONVERSATION)


def test_llama_2_has_its_system_prompt_inside_the_first_turn():
    text = choose_template(None, "llama-2-7b-chat").render(CONVERSATION, "<s>", "</s>")
    assert text == ("<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nWhat is 2 + 2? [/INST] 4 </s><s>[INST] Thanks! [/INST]")


def run_check(folder: Path) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).parents[2] / "tools" / "check_templates.py"
    return subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=False)


def test_the_check_of_shipped_templates_accepts_good_ones_and_names_bad_ones(tmp_path):
    (tmp_path / "good.jinja").write_text(REFUSES_SYSTEM)
    assert run_check(tmp_path).returncode == 0
    forgetful = "{% for m in messages if m.role != 'assistant' %}{{ m.content }}{% endfor %}"
    (tmp_path / "forgetful.jinja").write_text(forgetful)
    checked = run_check(tmp_path)
    assert checked.returncode == 1
    assert "FAILED  forgetful.jinja: what the assistant said is lost" in checked.stdout
    assert "ok      good.jinja" in checked.stdout

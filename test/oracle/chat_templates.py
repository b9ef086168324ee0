#!/usr/bin/env python3
"""The templates that --modelfile writes say what the chat templates of the models say.

Every Jinja template of the reference models, of llama.cpp's collection and of its tests is put into
a small model and converted. Where the Modelfile has a TEMPLATE, Go's text/template (the engine of
Ollama) renders conversations with it, and Jinja2, as transformers sets it up, must give the same
text. A template that is of no family must have none.

usage: run.sh chat_templates.py [--list]    needs the program go; exit 77 without it
"""
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import modelfile  # noqa: E402

LLAMA_CPP = pathlib.Path(os.environ["RECAST_ORACLES"]) / "py/llama.cpp"

SYSTEM = {"role": "system", "content": "Answer in verse."}
USER = {"role": "user", "content": "Who was Prospero?"}
ANSWER = {"role": "assistant", "content": "A duke <and> a magician."}
MORE = {"role": "user", "content": "And {{ Caliban }}?"}
CONVERSATIONS = [[USER], [USER, ANSWER, MORE], [SYSTEM, USER], [SYSTEM, USER, ANSWER, MORE],
                 [USER, ANSWER, MORE, ANSWER, USER]]
# Families of which the collections have no template on this machine: the same in our words.
OWN = {
    "qwen2": """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}
{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""",
    "llama2": """{% set system_message = false %}{% set rest = messages %}
{%- if messages[0]['role'] == 'system' %}{% set system_message = messages[0]['content'] %}
{%- set rest = messages[1:] %}{% endif %}{% for message in rest %}
{%- if loop.first and system_message is not false %}
{%- set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}
{%- else %}{% set content = message['content'] %}{% endif %}
{%- if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content | trim + ' [/INST]' }}
{%- else %}{{ ' ' + content | trim + ' ' + eos_token }}{% endif %}{% endfor %}""",
    "mistral-v0.1": """{{ bos_token }}{% for message in messages %}
{%- if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}
{%- elif message['role'] == 'assistant' %}{{ message['content'] + eos_token + ' ' }}
{%- else %}{{ raise_exception('only two roles') }}{% endif %}{% endfor %}""",
    "gemma3": """{{ bos_token }}{% set first_user_prefix = '' %}{% set rest = messages %}
{%- if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}
{%- set first_user_prefix = messages[0]['content'] + '\\n\\n' %}{% endif %}
{%- for message in rest %}{% set role = message['role'] %}
{%- if role == 'assistant' %}{% set role = 'model' %}{% endif %}
{{- '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else '') }}
{{- message['content'] | trim }}{{ '<end_of_turn>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}""",
    "zephyr": """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% else %}
{{ '<|assistant|>\\n' + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}""",
}
# These say more than their family: a default system text, a date, tools.
NONE = {
    "llama2 with a default": OWN["llama2"].replace("= false", "= 'Be brief.'", 1),
    "qwen2 with another default": OWN["qwen2"].replace("a helpful", "a helpless"),
    "chatml with a date": "{{ strftime_now('%d') }}{{ system }}" + OWN["qwen2"].replace(
        "You are", "You were"),
}
LEAST_FAMILIES = 12  # of different text among the templates that are known


class Refused(Exception):
    pass


def refuse(message):
    raise Refused(message)


def jinja_text(template, messages, bos, eos):
    """None where the template itself refuses the conversation."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols"])
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: "today"
    environment.filters["tojson"] = lambda value, **_: json.dumps(value)
    try:
        return environment.from_string(template).render(
            messages=messages, bos_token=bos, eos_token=eos, add_generation_prompt=True)
    except (Refused, jinja2.TemplateError, TypeError):
        return None


def known_templates():
    for path in sorted(pathlib.Path(os.environ["RECAST_SHARED"]).glob("refs/*/tokenizer_config.json")):
        template = json.loads(path.read_text()).get("chat_template")
        if isinstance(template, str):
            yield f"refs/{path.parent.name}", template
    for path in sorted(LLAMA_CPP.glob("models/templates/*.jinja")):
        yield path.name, path.read_text()
    tests = LLAMA_CPP / "tests/test-chat-template.cpp"
    text = tests.read_text() if tests.exists() else ""
    for i, literal in enumerate(re.findall(r'template_str= \*/ "((?:[^"\\]|\\.)*)"', text)):
        yield f"test {i}", literal.encode().decode("unicode_escape", "replace")


    for name, template in [*OWN.items(), *NONE.items()]:
        yield name, template


def written_template(recast, model, folder, template):
    (model / "chat_template.jinja").write_text(template)
    done = subprocess.run(
        [recast, "convert", model, "-o", folder / "m.gguf", "--modelfile", "--fake-weight",
         "--force", "--no-manifest", "-qq"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    commands = modelfile.parse((folder / "Modelfile").read_text())
    return dict(commands).get("template"), [v for k, v in commands if k == "stop"]


def main():
    if not shutil.which("go"):
        print("SKIPPED: no program go", file=sys.stderr)
        return 77
    recast = os.environ["RECAST"]
    wrong, jobs, seen = [], [], {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        model = folder / "model"
        shutil.copytree(HERE.parent.parent / "demo/bard", model,
                        ignore=shutil.ignore_patterns("*.safetensors", "*.index.json"))
        config = json.loads((model / "tokenizer_config.json").read_text())
        special = json.loads((model / "special_tokens_map.json").read_text())
        texts = []
        for key in ("bos_token", "eos_token"):
            token = config.get(key) or special.get(key)
            texts.append(token["content"] if isinstance(token, dict) else token)
        bos, eos = texts
        families = collections.Counter()
        for name, template in known_templates():
            if template in seen:
                continue
            go, stops = written_template(recast, model, folder, template)
            seen[template] = name
            if go is not None and name in NONE:
                wrong.append(f"{name}: has a template")
            if go is None:
                if name in OWN:
                    wrong.append(f"{name}: is of no family")
                if stops:
                    wrong.append(f"{name}: stops without a template")
                continue
            families[go] += 1
            if "--list" in sys.argv:
                print(f"{name}: {go[:60]!r}")
            compared = 0
            for messages in CONVERSATIONS:
                text = jinja_text(template, messages, bos, eos)
                if text is not None:
                    jobs.append((name, {"template": go, "messages": messages},
                                 text.removeprefix(bos)))
                    compared += 1
            if compared == 0:
                wrong.append(f"{name}: no conversation was compared")
        environment = dict(os.environ, GOCACHE=str(folder / "go"), GOFLAGS="-mod=mod")
        rendered = json.loads(subprocess.run(
            ["go", "run", HERE / "go_template.go"], input=json.dumps([job for _, job, _ in jobs]),
            capture_output=True, text=True, check=True, env=environment).stdout)
    for (name, job, expected), text in zip(jobs, rendered):
        if text.removeprefix(bos) != expected:
            wrong.append(f"{name}: Jinja {expected!r}\n  Go {text!r}")
    if len(families) < LEAST_FAMILIES:
        wrong.append(f"only {len(families)} families were seen")
    print(f"{len(seen)} templates, {sum(families.values())} of {len(families)} families, "
          f"{len(jobs)} conversations compared")
    for line in wrong:
        print("FAIL", line)
    return 1 if wrong else 0


sys.exit(main())

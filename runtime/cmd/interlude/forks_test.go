package main

import (
	"testing"

	"github.com/interlude-run/interlude/sdk"
)

// TestForksAndPrompts: on the real engine a fork answers as a program does in which the same was
// said, a prompt that spells the template has the tokens of the messages, and tokens are counted
// as they are then used.
func TestForksAndPrompts(t *testing.T) {
	fetched(t)
	node := serve(t, "--listen=127.0.0.1:0", "--store="+t.TempDir(), "--kv-bytes=64MiB", "--deterministic")
	defer node.kill()
	client, err := sdk.Connect(node.url)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	said := func(p *sdk.Program, turn sdk.Turn) *sdk.Result {
		t.Helper()
		turn.Sampling.MaxTokens = 8
		counted, err := p.CountTokens(t.Context(), turn)
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.Turn(t.Context(), turn)
		if err != nil {
			t.Fatal(err)
		}
		r, err := a.Result(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Usage.PromptTokens != counted {
			t.Errorf("%d tokens were counted, and there are %d", counted, r.Usage.PromptTokens)
		}
		return r
	}
	ask := func(text string) sdk.Turn { return sdk.Turn{Messages: []sdk.Message{sdk.User(text)}} }

	old, straight := client.Program("old"), client.Program("straight")
	said(old, ask("Name a river."))
	said(old, ask("And a lake."))
	fork := ask("And a mountain.")
	fork.From = &sdk.Spot{Program: "old", Turn: 1}
	forked := said(client.Program("fork", sdk.Parent("old")), fork)
	said(straight, ask("Name a river."))
	if same := said(straight, ask("And a mountain.")); forked.Text != same.Text || forked.Usage.PromptTokens != same.Usage.PromptTokens || forked.Usage.ReusedTokens == 0 {
		t.Errorf("forked: %q of %+v; straight: %q of %+v", forked.Text, forked.Usage, same.Text, same.Usage)
	}

	system := sdk.Turn{Messages: []sdk.Message{sdk.System("Be brief."), sdk.User("Name a river.")}}
	chat := said(client.Program("chat"), system)
	plain := said(client.Program("plain"), sdk.Turn{
		Prompt: "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nName a river.<|im_end|>\n<|im_start|>assistant\n",
	})
	if plain.Text != chat.Text || plain.Usage.PromptTokens != chat.Usage.PromptTokens {
		t.Errorf("as a prompt: %q of %+v; as messages: %q of %+v", plain.Text, plain.Usage, chat.Text, chat.Usage)
	}
	again := said(client.Program("plain", sdk.Resume(1)), sdk.Turn{
		Prompt: "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nName a river.<|im_end|>\n<|im_start|>assistant\n" + plain.Text + " So",
	})
	if again.Usage.ReusedTokens < plain.Usage.PromptTokens {
		t.Errorf("a prompt that goes on has %+v", again.Usage)
	}
}

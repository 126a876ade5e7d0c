package chat

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
)

func TestWhichTemplatesAreLoops(t *testing.T) {
	for model, want := range map[string]bool{
		"smollm2":      true,
		"tinyllama":    true,
		"mistral-0.2":  true,
		"mistral-nemo": false, // looks for the last question
		"headers":      true,
		"qwen2.5":      true,
		"qwen3":        false, // looks for the last question
		"tags":         true,
		"args":         true,
		"opened":       true,
	} {
		if got := compile(t, read(t, "testdata/templates/"+model+".jinja")).tail != nil; got != want {
			t.Errorf("%s is a loop: %t", model, got)
		}
	}
}

// TestLoopSources shows the rules: what a body may use, and what makes it depend on more than
// the messages beside its own.
func TestLoopSources(t *testing.T) {
	loop := func(body string) string { return "{% for m in messages %}" + body + "{{ m.content }}{% endfor %}" }
	for source, want := range map[string]bool{
		loop(""):                                       true,
		loop("{# a comment, messages #}"):              true,
		loop("{{ 'messages' }}"):                       true,
		loop("{{ m['messages'] }}"):                    true,
		loop("{{ m.messages }}"):                       true,
		loop("{% if loop.last %}!{% endif %}"):         true,
		loop("{% if loop.first %}!{% endif %}"):        true,
		loop("{{ loop.index0 % 2 }} {{ loop.index }}"): true,
		loop("{{ messages[0].role }}"):                 true,
		loop("{% if messages[loop.index0 + 1].role != 'tool' %}!{% endif %}"):                                                  true,
		loop("{% if messages[loop.index0 - 1].role != 'tool' %}!{% endif %}"):                                                  true,
		loop("{% set x = m.role %}{% if x == 'user' %}{% set x = x + '!' %}{% endif %}{{ x }}"):                                true,
		loop("{% if m.content is not none %}{% set x = 1 %}{{ x }}{% endif %}"):                                                true,
		loop("{% for c in m.calls %}{% if loop.first %}{% set d = c %}{% endif %}{{ d }}{% endfor %}"):                         true,
		loop("{% for k, v in m.calls.items() %}{{ k }}{{ v | tojson(indent=2) }}{% endfor %}"):                                 true,
		"{% set all = messages %}{% for m in all %}{{ m.content }}{% endfor %}":                                                true,
		"{% if messages[0].role == 'system' %}{% set s = 's' %}{% set messages = messages[1:] %}{% endif %}" + loop("{{ s }}"): true,
		loop("") + "{% if messages[-1].role == 'user' %}!{% endif %}":                                                          true,
		loop("") + "{% if add_generation_prompt %}>{% endif %}":                                                                true,

		"no loop":                                                          false,
		"{{ messages[0].content }}":                                        false,
		loop("{{ messages | length }}"):                                    false,
		loop("{{ messages[-1].role }}"):                                    false,
		loop("{{ messages[loop.index0 - 2].role }}"):                       false,
		loop("{{ messages[loop.index0 + 2].role }}"):                       false,
		loop("{{ loop.length }}"):                                          false,
		loop("{{ loop.revindex }}"):                                        false,
		loop("{{ loop.previtem.role }}"):                                   false,
		loop("{{ loop['index'] }}"):                                        false,
		loop("{{ loop }}"):                                                 false,
		loop("{% if m.role == 'user' %}{% set x = 1 %}{% endif %}{{ x }}"): false, // x can be an earlier message's
		loop("{{ x }}{% set x = 1 %}"):                                     false,
		loop("{% set x %}block{% endset %}"):                               false,
		"{% for t in tools %}{% set messages = messages[1:] %}{% endfor %}" + loop(""):                                   false,
		"{% set messages = messages[1:] %}{% set messages = messages[1:] %}{% set messages = messages[1:] %}" + loop(""): false,
		loop("{% set messages = [] %}"):                                           false,
		loop("{% set ns.x = 1 %}"):                                                false,
		loop("{% break %}"):                                                       false,
		loop("{% macro f() %}{% endmacro %}"):                                     false,
		loop("{% raw %}{{ x }}{% endraw %}"):                                      false,
		loop("{% set x = m.calls.append(1) %}"):                                   false,
		loop("{% for o in messages %}{{ o }}{% endfor %}"):                        false,
		loop("{% for c in m.calls %}{{ messages[loop.index0 - 1] }}{% endfor %}"): false,
		"{% set ns = namespace(x=1) %}" + loop(""):                                false,
		"{% set n = messages | length %}" + loop(""):                              false,
		"{% set last = messages[-1] %}" + loop(""):                                false,
		"{% for m in messages if m.content %}{{ m.content }}{% endfor %}":         false,
		"{% for m in messages[::-1] %}{{ m.content }}{% endfor %}":                false,
		"{% for m in messages %}{{ m.content }}{% else %}none{% endfor %}":        false,
		"{% if tools %}" + loop("") + "{% endif %}":                               false,
		"{% for m in messages %}{{ m.role }}{% endfor %}" + loop(""):              false,
		loop("") + "{% set x = 1 %}":                                              false,
		loop("") + "{{ messages | length }}":                                      false,
		"{% for m in messages %}{{ 'open }}{% endfor %}":                          false,
	} {
		if _, _, ok := loopSources(source); ok != want {
			t.Errorf("%s is a loop: %t", source, ok)
		}
	}
}

// TestLoopsGrowAsTheyRender lets two conversations hear the same, one of which renders
// everything each turn.
func TestLoopsGrowAsTheyRender(t *testing.T) {
	var loops []*Template
	for _, model := range []string{"smollm2", "tinyllama", "mistral-0.2", "headers", "qwen2.5"} {
		loops = append(loops, compile(t, read(t, "testdata/templates/"+model+".jinja")))
	}
	for _, source := range []string{
		chattest.ChatML,
		"{% for m in messages %}{{ loop.index }}{{ m.content }}{% if loop.last %}\n{% endif %}  {% endfor %}{{ messages[-1].role }}",
		"{% for m in messages %}{{ messages[loop.index0 - 1].content if not loop.first }}{{ m.content }}{{ messages[loop.index0 + 1].content }}{% endfor %}",
		"<s>{% set all = messages[1:] %} {{ messages[0].content }}{% for m in all %}{% set x = m.role %}{% if loop.index0 % 3 == 0 %}{% set x = x + all[0].content %}{% endif %}{% if loop.first %}1.{% endif %}{{ x + m.content }}{% endfor %}",
		"{% for m in messages %}{% if m.role in ['user', 'assistant'] %}{{ m.role + m.content }}{{ messages[loop.index0 + 1].content if not loop.last and messages[loop.index0 + 1].role == 'user' else '' }}{% endif %}{% endfor %}",
	} {
		loops = append(loops, compile(t, source))
	}
	for i, loop := range loops {
		if loop.tail == nil {
			t.Errorf("template %d is no loop", i)
		}
	}
	contents := []string{"a", "", " b ", "<|im_end|>", "<|im_", "end|>", "</s>", "\ufdd0", "\ufdd1", "c\n", "[INST]", "long " + fmt.Sprint(make([]int, 40))}
	tool := `{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}`
	rapid.Check(t, func(t *rapid.T) {
		loop := rapid.SampledFrom(loops).Draw(t, "template")
		full := *loop
		full.tail = nil
		grown, anew := loop.Begin(time.Unix(0, 0)), full.Begin(time.Unix(0, 0))
		content := rapid.SampledFrom(contents)
		messages := func() (messages []Message) {
			for range rapid.IntRange(0, 3).Draw(t, "messages") {
				m := Message{Role: rapid.SampledFrom([]string{"user", "user", "tool", "system", "assistant"}).Draw(t, "role"), Content: content.Draw(t, "content")}
				if m.Role == "assistant" && rapid.Bool().Draw(t, "calls") {
					m.Calls = []Call{{ID: "1", Name: "look", Arguments: `{"a": "` + content.Draw(t, "argument")[:0] + `"}`}}
				}
				messages = append(messages, m)
			}
			return messages
		}
		for range rapid.IntRange(1, 8).Draw(t, "turns") {
			turn := Turn{Messages: messages()}
			if rapid.IntRange(0, 5).Draw(t, "tools") == 0 {
				turn.Tools = [][]string{{}, {tool}}[rapid.IntRange(0, 1).Draw(t, "these")]
			}
			if rapid.IntRange(0, 2).Draw(t, "replace") == 0 {
				turn.Replace = true
				past := slices.Clone(grown.past.messages)
				if len(past) > 0 && rapid.Bool().Draw(t, "edit") {
					at := rapid.IntRange(0, len(past)-1).Draw(t, "at")
					past[at].Content = content.Draw(t, "edited")
				}
				if rapid.Bool().Draw(t, "not all") {
					past = past[:max(len(past)-rapid.IntRange(0, 3).Draw(t, "dropped"), 0)]
				}
				turn.Messages = append(past, turn.Messages...)
			}
			got, err := grown.Prepare(turn)
			want, wantErr := anew.Prepare(turn)
			if (err != nil) != (wantErr != nil) {
				t.Fatalf("error %v, rendered in full %v", err, wantErr)
			}
			if err != nil {
				continue
			}
			if got.next.text != want.next.text || !slices.Equal(got.Tokens, want.Tokens) || got.Past != want.Past || got.Opening != want.Opening || got.next.guarded != want.next.guarded {
				t.Fatalf("grown %q\n%v %+v\nin full %q\n%v %+v", got.next.text, got.Tokens, got.Past, want.next.text, want.Tokens, want.Past)
			}
			answer := content.Draw(t, "answer")
			tokens := chattest.Tokenizer{}.Tokenize(answer, false, false)
			if rapid.Bool().Draw(t, "ended") {
				tokens = append(tokens, chattest.ImEnd)
			}
			grown.Complete(got, answer, slices.Clone(tokens))
			anew.Complete(want, answer, slices.Clone(tokens))
		}
	})
}

// TestLoopsAreNotRenderedInFull takes the template of the whole away.
func TestLoopsAreNotRenderedInFull(t *testing.T) {
	template := compile(t, chattest.ChatML)
	talk := template.Begin(time.Now())
	ask := func(turn Turn) {
		t.Helper()
		p, err := talk.Prepare(turn)
		if err != nil {
			t.Fatal(err)
		}
		talk.Complete(p, "yes", nil)
	}
	question := Message{Role: "user", Content: "well?"}
	ask(Turn{Messages: []Message{question}})
	ask(Turn{Messages: []Message{question}})
	ask(Turn{Messages: []Message{question}})
	template.whole = nil
	ask(Turn{Messages: []Message{question}})
	ask(Turn{Messages: append(slices.Clone(talk.past.messages), question), Replace: true})
	if _, err := talk.Prepare(Turn{Messages: []Message{question}, Replace: true}); err == nil {
		t.Error("another conversation needs no rendering")
	}
}

// TestWhatJoinsTheLastMessage: a result that the template shows as the user's, and a question
// where there was an answer, become one message, which the message before may look at.
func TestWhatJoinsTheLastMessage(t *testing.T) {
	loop := compile(t, "{% for m in messages %}{% if m.role in ['user', 'assistant'] %}{{ m.content }}{{ messages[loop.index0 + 1].content if not loop.last and messages[loop.index0 + 1].role == 'user' else '' }}{% endif %}{% endfor %}")
	full := *loop
	full.tail = nil
	var texts []string
	for _, template := range []*Template{loop, &full} {
		talk := template.Begin(time.Now())
		var all []Message
		for _, m := range [][]Message{{{Role: "user", Content: "1"}}, {{Role: "user", Content: "2"}}, {{Role: "user", Content: "3"}, {Role: "tool", Content: "4"}}} {
			p, err := talk.Prepare(Turn{Messages: m})
			if err != nil {
				t.Fatal(err)
			}
			all = slices.Clone(p.next.messages)
			talk.Complete(p, "yes", nil)
		}
		p, err := talk.Prepare(Turn{Messages: append(all, Message{Role: "user", Content: "5"}), Replace: true})
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, p.next.text)
	}
	if texts[0] != texts[1] {
		t.Errorf("grown %q, in full %q", texts[0], texts[1])
	}
}

// BenchmarkPrepare is a turn's share of a long conversation: 100 turns of 1 KB have been.
func BenchmarkPrepare(b *testing.B) {
	for _, kind := range []string{"grown", "in full"} {
		b.Run(kind, func(b *testing.B) {
			template := compile(b, read(b, "testdata/templates/qwen2.5.jinja"))
			if kind == "in full" {
				template.tail = nil
			}
			talk := template.Begin(time.Now())
			question := Turn{Messages: []Message{{Role: "user", Content: fmt.Sprintf("%1000d what next?", 1)}}}
			for range 100 {
				p, err := talk.Prepare(question)
				if err != nil {
					b.Fatal(err)
				}
				talk.Complete(p, "look at it", []engine.Token{'l'})
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := talk.Prepare(question); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package synth

import (
	"fmt"
	"strings"
)

// Names of the control tokens of a byte-level vocabulary.
const (
	EndOfText = "<|endoftext|>"
	ImStart   = "<|im_start|>"
	ImEnd     = "<|im_end|>"
)

// ChatTemplate is the template of every synthetic model.
const ChatTemplate = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}" +
	"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

// The numbers of enum llama_token_type.
const (
	normal  int32 = 1
	unknown int32 = 2
	control int32 = 3
	byteFor int32 = 6
)

// tokens is a vocabulary in the making.
type tokens struct {
	text   []string
	kind   []int32
	scores []float32
	merges []string
}

func (t *tokens) add(kind int32, text string, score float32) {
	t.text, t.kind, t.scores = append(t.text, text), append(t.kind, kind), append(t.scores, score)
}

func (m *model) vocabulary() error {
	var t tokens
	switch m.Tokenizer {
	case "gpt2":
		t.byteLevel(m.Vocab)
		m.key("tokenizer.ggml.pre", m.Splitter)
		m.key("tokenizer.ggml.merges", t.merges)
		m.key("tokenizer.ggml.bos_token_id", uint32(1))
		m.key("tokenizer.ggml.eos_token_id", uint32(2))
	case "llama":
		t.sentencePiece(m.Vocab)
		m.key("tokenizer.ggml.scores", t.scores)
		m.key("tokenizer.ggml.unknown_token_id", uint32(0))
		m.key("tokenizer.ggml.bos_token_id", uint32(1))
		m.key("tokenizer.ggml.eos_token_id", uint32(2))
	default:
		return fmt.Errorf("tokenizer %q; there are gpt2 and llama", m.Tokenizer)
	}
	if len(t.text) != m.Vocab {
		return fmt.Errorf("a vocabulary of %d tokens; %s has from 300 to 900", m.Vocab, m.Tokenizer)
	}
	m.key("tokenizer.ggml.model", m.Tokenizer)
	m.key("tokenizer.ggml.tokens", t.text)
	m.key("tokenizer.ggml.token_type", t.kind)
	m.key("tokenizer.ggml.add_bos_token", m.AddBOS)
	m.key("tokenizer.chat_template", ChatTemplate)
	return nil
}

// byteLevel makes a byte-level BPE vocabulary of n tokens: control tokens, every
// byte, and letters merged in pairs.
func (t *tokens) byteLevel(n int) {
	for _, name := range []string{EndOfText, ImStart, ImEnd} {
		t.add(control, name, 0)
	}
	spare := rune(0) // bytes that are no visible character are written as others from U+0100 on
	for b := range rune(256) {
		if b > ' ' && b < 0x7f || b > 0xa0 && b != 0xad {
			t.add(normal, string(b), 0)
			continue
		}
		t.add(normal, string(0x100+spare), 0)
		spare++
	}
	for _, p := range pairs(n-len(t.text), "Ġ") {
		t.add(normal, p[0]+p[1], 0)
		t.merges = append(t.merges, p[0]+" "+p[1])
	}
}

// sentencePiece makes a SentencePiece vocabulary of n tokens: the special ones,
// every byte, characters, and letters merged in pairs.
func (t *tokens) sentencePiece(n int) {
	t.add(unknown, "<unk>", 0)
	t.add(control, "<s>", 0)
	t.add(control, "</s>", 0)
	for b := range 256 {
		t.add(byteFor, fmt.Sprintf("<0x%02X>", b), 0)
	}
	const space = "▁"
	for _, c := range strings.Split(space+"abcdefghijklmnopqrstuvwxyz.,!?ABCDEFGHI", "") {
		t.add(normal, c, -1000)
	}
	for i, p := range pairs(n-len(t.text), space) {
		t.add(normal, p[0]+p[1], -float32(i))
	}
}

// pairs lists n of the pairs that merge: a letter after a space, then two
// letters, the frequent ones first.
func pairs(n int, space string) (all [][2]string) {
	letters := strings.Split("etaoinshrdlcumwfgypbvkjxqz", "")
	for _, second := range letters {
		all = append(all, [2]string{space, second})
	}
	for sum := range 2 * len(letters) {
		for i := range min(sum+1, len(letters)) {
			if j := sum - i; j < len(letters) {
				all = append(all, [2]string{letters[i], letters[j]})
			}
		}
	}
	return all[:max(0, min(n, len(all)))]
}

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
)

// codingAgent is a coding agent that can be launched.
type codingAgent struct {
	program string
	npm     string // the package that has it
	setup   func(*target) *setup
}

// codingAgents by the name that launch takes. Each is told the gateway, the key and the model, and
// to leave its maker's servers alone.
var codingAgents = map[string]codingAgent{
	"codex":    {"codex", "@openai/codex", codex},
	"claude":   {"claude", "@anthropic-ai/claude-code", claude},
	"opencode": {"opencode", "opencode-ai", opencode},
	"pi":       {"pi", "@earendil-works/pi-coding-agent", pi},
}

// sessionHeader keeps conversations apart of clients that name no session themselves.
const sessionHeader = "X-Interlude-Session"

// keyVariable holds the key for agents that read it from where they are told.
const keyVariable = "INTERLUDE_API_KEY"

func codex(t *target) *setup {
	return &setup{
		Files: map[string]string{"config.toml": fmt.Sprintf(`model = %[1]s
model_provider = "interlude"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.interlude]
name = "Interlude"
base_url = %[2]s
env_key = %[3]s
wire_api = "responses"
http_headers = { %[4]s = %[5]s }
`, strconv.Quote(t.model), strconv.Quote(t.url+"/v1"), strconv.Quote(keyVariable), strconv.Quote(sessionHeader), strconv.Quote(t.session))},
		Env:   map[string]string{"CODEX_HOME": t.home, keyVariable: t.key},
		Unset: []string{"OPENAI_API_KEY", "CODEX_API_KEY"},
	}
}

func claude(t *target) *setup {
	return &setup{
		Files: map[string]string{".claude.json": `{"hasCompletedOnboarding": true}` + "\n"},
		Env: map[string]string{
			"CLAUDE_CONFIG_DIR": t.home, "ANTHROPIC_BASE_URL": t.url, "ANTHROPIC_AUTH_TOKEN": t.key,
			"ANTHROPIC_MODEL": t.model, "ANTHROPIC_DEFAULT_OPUS_MODEL": t.model, "ANTHROPIC_DEFAULT_SONNET_MODEL": t.model, "ANTHROPIC_DEFAULT_HAIKU_MODEL": t.model,
			"ANTHROPIC_CUSTOM_HEADERS":                 sessionHeader + ": " + t.session,
			"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
		},
		Unset: []string{"ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_OAUTH_TOKEN"},
	}
}

func opencode(t *target) *setup {
	return &setup{
		Env: map[string]string{
			"OPENCODE_CONFIG_CONTENT": asJSON(map[string]any{
				"$schema": "https://opencode.ai/config.json", "model": "interlude/" + t.model, "small_model": "interlude/" + t.model,
				"autoupdate": false, "share": "disabled",
				"provider": map[string]any{"interlude": map[string]any{
					"name": "Interlude", "npm": "@ai-sdk/openai-compatible",
					"options": map[string]any{"baseURL": t.url + "/v1", "apiKey": "{env:" + keyVariable + "}", "headers": map[string]string{sessionHeader: t.session}},
					"models":  map[string]any{t.model: map[string]any{"name": t.model}},
				}},
			}),
			"OPENCODE_DB":                   filepath.Join(t.home, "opencode.db"),
			"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
			keyVariable: t.key,
		},
	}
}

func pi(t *target) *setup {
	return &setup{
		Files: map[string]string{
			"models.json": asJSON(map[string]any{"providers": map[string]any{"interlude": map[string]any{
				"name": "Interlude", "baseUrl": t.url + "/v1", "api": "openai-completions", "apiKey": "$" + keyVariable,
				"headers": map[string]string{sessionHeader: t.session}, "models": []any{map[string]any{"id": t.model}},
			}}}),
			"settings.json": asJSON(map[string]any{"defaultProvider": "interlude", "defaultModel": t.model, "enableInstallTelemetry": false}),
		},
		Env: map[string]string{"PI_CODING_AGENT_DIR": t.home, "PI_OFFLINE": "1", "PI_SKIP_VERSION_CHECK": "1", "PI_TELEMETRY": "0", keyVariable: t.key},
	}
}

// asJSON writes settings, which are made of words alone.
func asJSON(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

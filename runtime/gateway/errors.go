package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// refusal is an error as HTTP tells it.
type refusal struct {
	status  int
	code    string // OpenAI's code, or ours
	param   string
	message string
	retry   bool  // the same request may succeed
	afterMS int64 // not before
}

func (r *refusal) Error() string { return r.message }

// invalid refuses a field of a request.
func invalid(param, format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, code: "invalid_value", param: param, message: fmt.Sprintf(format, args...)}
}

// contextTooLong is OpenAI's code for it.
const contextTooLong = "context_length_exceeded"

// statuses are those of the codes that a node answers with. Others are 500.
var statuses = map[wire.Code]int{
	wire.CodeInvalidJSON:      http.StatusBadRequest,
	wire.CodeInvalidTurn:      http.StatusBadRequest,
	wire.CodeInvalidSubject:   http.StatusBadRequest,
	wire.CodeInvalidGrammar:   http.StatusBadRequest,
	wire.CodeInvalidMessages:  http.StatusBadRequest,
	wire.CodeContextTooLong:   http.StatusBadRequest,
	wire.CodeTooLarge:         http.StatusRequestEntityTooLarge,
	wire.CodeNotFound:         http.StatusNotFound,
	wire.CodeQueueFull:        http.StatusTooManyRequests,
	wire.CodeOverloaded:       http.StatusTooManyRequests,
	wire.CodeUnavailable:      http.StatusServiceUnavailable,
	wire.CodeOutOfOrder:       http.StatusServiceUnavailable,
	wire.CodeNotFinished:      http.StatusServiceUnavailable,
	wire.CodeConflict:         http.StatusServiceUnavailable,
	wire.CodeCancelled:        499,
	wire.CodeDeadlineExceeded: http.StatusGatewayTimeout,
}

// refused makes a refusal of any error.
func refused(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	var e *sdk.Error
	switch {
	case errors.As(err, &e):
		r = &refusal{status: http.StatusInternalServerError, code: string(e.Code), message: e.Message, retry: e.Retryable, afterMS: e.RetryAfterMS}
		if e.Hint != "" {
			r.message += " (" + e.Hint + ")"
		}
		if s, ok := statuses[e.Code]; ok {
			r.status = s
		}
		if e.Code == wire.CodeContextTooLong {
			r.code = contextTooLong
		}
		return r
	case errors.Is(err, sdk.ErrNoNode):
		return &refusal{status: http.StatusServiceUnavailable, code: "unavailable", message: "no node is there: " + err.Error(), retry: true, afterMS: 1000}
	case errors.Is(err, context.DeadlineExceeded):
		return &refusal{status: http.StatusServiceUnavailable, code: "unavailable", message: "no node has taken the request in time: " + err.Error(), retry: true, afterMS: 1000}
	case errors.Is(err, context.Canceled):
		return &refusal{status: 499, code: "cancelled", message: "the request was given up"}
	}
	return &refusal{status: http.StatusInternalServerError, code: "internal", message: err.Error()}
}

// The kinds that OpenAI and Anthropic know errors by.
func (r *refusal) openAIType() string {
	switch {
	case r.status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case r.status == http.StatusUnauthorized:
		return "authentication_error"
	case r.status == http.StatusForbidden:
		return "permission_error"
	case r.status < 500:
		return "invalid_request_error"
	}
	return "server_error"
}

func (r *refusal) anthropicType() string {
	switch r.status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusServiceUnavailable:
		return "overloaded_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	}
	if r.status < 500 {
		return "invalid_request_error"
	}
	return "api_error"
}

// openAI is the error's body in OpenAI's shape; nullable fields are there.
func (r *refusal) openAI() any {
	type body struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	return map[string]body{"error": {r.message, r.openAIType(), orNull(r.param), orNull(r.code)}}
}

// anthropic is the error's body in Anthropic's shape. It has no field for what is wrong, and
// none for a code: agents shorten the conversation when the message begins as it does for a
// long prompt.
func (r *refusal) anthropic(requestID string) any {
	message := r.message
	switch {
	case r.code == contextTooLong:
		message = "prompt is too long: " + message
	case r.param != "" && !strings.HasPrefix(message, r.param):
		message = r.param + ": " + message
	}
	return map[string]any{
		"type":       "error",
		"error":      map[string]string{"type": r.anthropicType(), "message": message},
		"request_id": requestID,
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// write answers with the error. Official clients obey the headers: what cannot succeed is not
// sent again, whatever its status.
func (r *refusal) write(w http.ResponseWriter, body any) {
	h := w.Header()
	h.Set("X-Should-Retry", strconv.FormatBool(r.retry))
	if r.retry && r.afterMS > 0 {
		h.Set("Retry-After-Ms", strconv.FormatInt(r.afterMS, 10))
		h.Set("Retry-After", strconv.FormatInt((r.afterMS+999)/1000, 10))
	}
	writeJSON(w, r.status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // the client is gone where this fails
}

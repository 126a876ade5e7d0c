package gateway

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	valerrors "github.com/pb33f/libopenapi-validator/errors"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// judge holds what passes through a gateway to openapi.yaml.
type judge struct {
	mu        sync.Mutex
	validator validator.Validator
	compiler  *jsonschema.Compiler
	events    map[string]*jsonschema.Schema
	file      map[string]any
}

// theJudge is for all tests: it takes a while to read the file.
var theJudge = sync.OnceValues(newJudge)

func newJudge() (*judge, error) {
	document, err := libopenapi.NewDocument(openAPI)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	if ok, faults := v.ValidateDocument(); !ok {
		return nil, fmt.Errorf("openapi.yaml is no OpenAPI: %s", faultsOf(faults))
	}
	j := &judge{validator: v, compiler: jsonschema.NewCompiler(), events: map[string]*jsonschema.Schema{}}
	if err := yaml.Unmarshal(openAPI, &j.file); err != nil {
		return nil, err
	}
	return j, j.compiler.AddResource(fileName, j.file)
}

const fileName = "file:///openapi.yaml"

// judged is a gateway whose requests and answers are held to openapi.yaml: what it answers in
// any case, and what it was asked where it did not refuse that.
func judged(t testing.TB, g http.Handler) http.Handler {
	j, err := theJudge()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), endsWith{err}))
		heard := &recorder{ResponseWriter: w}
		g.ServeHTTP(heard, r)
		if r.Pattern == "" || r.Pattern == "/" || heard.status == 0 {
			return // nothing of ours, or a page's question
		}
		if r.Context().Err() != nil {
			return // the end was not to be seen
		}
		if err := j.judge(r, body, heard); err != nil {
			t.Errorf("%s %s: %v\nrequest: %.2000s\nanswer: %d %.4000s", r.Method, r.URL, err, body, heard.status, heard.body.Bytes())
		}
	})
}

// endsWith is a body that ends with an error.
type endsWith struct{ err error }

func (f endsWith) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// recorder remembers an answer.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

// Unwrap is what http.ResponseController looks for.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (j *judge) judge(r *http.Request, body []byte, heard *recorder) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	method, path := described(r.Pattern)
	asked := r.Clone(r.Context())
	asked.Body = io.NopCloser(bytes.NewReader(body))
	asked.ContentLength = int64(len(body))
	asked.Header.Del("Authorization")
	if asked.Header.Get("Content-Type") == "" {
		asked.Header.Set("Content-Type", "application/json")
	}
	if !strings.HasPrefix(asked.URL.Path, "/v1/") && strings.HasPrefix(path, "/v1/") {
		asked.URL.Path = "/v1" + asked.URL.Path
	}
	if heard.status < 400 && method == "POST" {
		if ok, faults := j.validator.ValidateHttpRequest(asked); !ok {
			return fmt.Errorf("the request was taken, and is not described: %s", faultsOf(faults))
		}
		asked.Body = io.NopCloser(bytes.NewReader(body))
	}
	if strings.HasPrefix(heard.Header().Get("Content-Type"), "text/event-stream") {
		return j.stream(method, path, heard.body.String())
	}
	answer := &http.Response{
		StatusCode: heard.status, Header: heard.Header(), Body: io.NopCloser(bytes.NewReader(heard.body.Bytes())), Request: asked,
	}
	if method == "HEAD" {
		return nil
	}
	if ok, faults := j.validator.ValidateHttpResponse(asked, answer); !ok {
		return fmt.Errorf("the answer is not described: %s", faultsOf(faults))
	}
	return nil
}

// stream holds each event's data to the contentSchema.
func (j *judge) stream(method, path, body string) error {
	where := fmt.Sprintf("%s#/paths/%s/%s/responses/200/content/text~1event-stream/schema/properties/data/contentSchema", fileName,
		url.PathEscape(strings.ReplaceAll(path, "/", "~1")), strings.ToLower(method))
	done := strings.Contains(path, "completions")
	if done { // the data may be the word that ends a stream, too
		where = strings.Replace(where, "/data/", "/data/anyOf/1/", 1)
	}
	schema := j.events[where]
	if schema == nil {
		var err error
		if schema, err = j.compiler.Compile(where); err != nil {
			return err
		}
		j.events[where] = schema
	}
	events := strings.Split(body, "\n\n")
	for _, event := range events[:len(events)-1] {
		for line := range strings.Lines(event) {
			data, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "data: ")
			if !ok {
				continue
			}
			if data == "[DONE]" && done {
				continue
			}
			said, err := jsonschema.UnmarshalJSON(strings.NewReader(data))
			if err != nil {
				return fmt.Errorf("an event is no JSON: %w: %s", err, data)
			}
			if err := schema.Validate(said); err != nil {
				return fmt.Errorf("an event is not described: %w: %s", err, data)
			}
		}
	}
	return nil
}

func faultsOf(faults []*valerrors.ValidationError) string {
	var all []string
	for _, f := range faults {
		all = append(all, f.Message+": "+f.Reason)
		for _, s := range f.SchemaValidationErrors {
			all = append(all, "  "+s.FieldPath+": "+s.Reason)
		}
	}
	return strings.Join(all, "\n")
}

// described is a pattern's method and its path in the file.
func described(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	path = strings.NewReplacer("...}", "}", "{$}", "").Replace(path)
	if !strings.HasPrefix(path, "/v1/") && slices.ContainsFunc(new(Gateway).endpoints(), func(e endpoint) bool { return e.path == "/v1"+strings.TrimPrefix(pattern, method+" ") }) {
		path = "/v1" + path
	}
	return method, path
}

// TestEveryRouteIsDescribed, and nothing else is.
func TestEveryRouteIsDescribed(t *testing.T) {
	j, err := theJudge()
	if err != nil {
		t.Fatal(err)
	}
	var served, said []string
	for _, e := range new(Gateway).endpoints() {
		method, path := described(e.method + " " + e.path)
		served = append(served, method+" "+path)
	}
	for path, item := range j.file["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				said = append(said, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(served)
	slices.Sort(said)
	if !slices.Equal(served, said) {
		t.Errorf("served: %q\ndescribed: %q", served, said)
	}
}

// TestEveryFieldIsDescribed: what a request's decoder knows is in the file, and what is in the
// file is known, or marked as tolerated.
func TestEveryFieldIsDescribed(t *testing.T) {
	j, err := theJudge()
	if err != nil {
		t.Fatal(err)
	}
	schemas := j.file["components"].(map[string]any)["schemas"].(map[string]any)
	for name, request := range map[string]any{
		"ChatRequest": chatRequest{}, "CompletionRequest": completionRequest{}, "ResponsesRequest": responsesRequest{}, "MessagesRequest": messagesRequest{},
		"ChatMessage": chatMessage{}, "InputItem": inputItem{}, "ResponsesTool": responsesTool{}, "Block": anthropicBlock{},
		"Function": function{}, "Format": schemaFormat{}, "AnthropicFormat": anthropicFormat{}, "CacheControl": cacheControl{},
	} {
		known, tolerated := map[string]bool{}, map[string]bool{}
		j.properties(schemas[name], func(property string, schema any) {
			known[property] = true
			if s, _ := schema.(map[string]any); s["x-tolerated"] == true {
				tolerated[property] = true
			}
		})
		read := map[string]bool{}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(request)) {
			if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" && tag != "-" {
				read[tag] = true
			}
		}
		for _, field := range slices.Sorted(maps.Keys(read)) {
			if !known[field] || tolerated[field] {
				t.Errorf("%s: %s is read, and the file says otherwise", name, field)
			}
		}
		for _, field := range slices.Sorted(maps.Keys(known)) {
			if !read[field] && !tolerated[field] {
				t.Errorf("%s: %s is described, and nobody reads it", name, field)
			}
		}
	}
}

// properties calls each for those of a schema and of what it is made of.
func (j *judge) properties(schema any, each func(name string, schema any)) {
	s, _ := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		name := ref[strings.LastIndexByte(ref, '/')+1:]
		j.properties(j.file["components"].(map[string]any)["schemas"].(map[string]any)[name], each)
	}
	properties, _ := s["properties"].(map[string]any)
	for name, p := range properties {
		each(name, p)
	}
	parts, _ := s["allOf"].([]any)
	for _, p := range parts {
		j.properties(p, each)
	}
}

// TestJudge: it would find what is wrong.
func TestJudge(t *testing.T) {
	for what, c := range map[string]struct {
		pattern, request, kind, answer string
		status                         int
	}{
		"an unknown role was taken":   {"POST /v1/chat/completions", `{"messages":[{"role":"x"}]}`, "application/json", `{"error":{}}`, 200},
		"an answer without choices":   {"POST /chat/completions", `{"messages":[{"role":"user"}]}`, "application/json", `{"id":"x"}`, 200},
		"an undescribed status":       {"POST /v1/messages", `{}`, "application/json", `{"type":"error","error":{"type":"api_error","message":"x"},"request_id":"y"}`, 502},
		"the other API's error":       {"POST /v1/messages", `{}`, "application/json", `{"error":{"message":"x","type":"server_error","param":null,"code":null}}`, 400},
		"an event of an unknown type": {"POST /v1/responses", `{"input":"x"}`, "text/event-stream", "data: {\"type\":\"response.other\",\"sequence_number\":0}\n\n", 200},
		"an event without its number": {"GET /v1/responses/{id}", ``, "text/event-stream", "data: {\"type\":\"error\",\"code\":null,\"message\":\"\",\"param\":null,\"error\":{\"type\":\"\",\"code\":null,\"message\":\"\",\"param\":null}}\n\n", 200},
	} {
		j, err := theJudge()
		if err != nil {
			t.Fatal(err)
		}
		method, path, _ := strings.Cut(c.pattern, " ")
		r, err := http.NewRequest(method, "http://127.0.0.1"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Pattern = c.pattern
		heard := &recorder{ResponseWriter: plainWriter{http.Header{"Content-Type": {c.kind}}}}
		heard.WriteHeader(c.status)
		_, _ = heard.Write([]byte(c.answer))
		if err := j.judge(r, []byte(c.request), heard); err == nil {
			t.Errorf("%s: nothing was found", what)
		}
	}
}

// plainWriter has a header, and nothing else.
type plainWriter struct{ header http.Header }

func (p plainWriter) Header() http.Header         { return p.header }
func (p plainWriter) Write(b []byte) (int, error) { return len(b), nil }
func (p plainWriter) WriteHeader(int)             {}

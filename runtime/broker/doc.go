// Package broker brings a node to its NATS: a server embedded in the process, or
// one elsewhere.
//
//	server, err := broker.Start(broker.Config{StoreDir: dir})   // or broker.Dial(external)
//	conn, err := server.Connect()
//
// The embedded server keeps its streams on disk, listens on loopback unless it is
// told otherwise, and handles no signals: whoever starts it stops it. The
// process itself is connected without a socket.
//
//	┌ process ───────────────────────────────┐
//	│ node ── Connect ── server ── StoreDir  │
//	└──────────────────────┬─────────────────┘
//	                   TCP │ Host:Port
//	                    clients
//
// # Tenants
//
// With tenants, every client authenticates as one of them and may do what
// wire.Permissions lists for it; the process's own connection may do all. Without
// tenants the server is open, and therefore refuses to listen on anything but
// loopback unless Config.Open says that this is meant.
//
// # Power loss
//
// What is acknowledged has been written to the file system, so that it survives
// the death of the process at any moment. To survive the machine's too, set
// Config.SyncAlways, at the cost of the disk's flush for every message.
package broker

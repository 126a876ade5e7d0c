// Package timeline reads the run of a program, or of all, from an event log and writes it down
// as spans of time:
//
//	t, err := timeline.Read(log, "fix-issue-17")
//	t.Print(os.Stdout)     // as text, a line for each span and event
//	t.Chrome(file)         // in Chrome's trace event format, which Perfetto loads
//	json.Marshal(t)
//
// What the spans are says package spans. Times are counted from the start of the log. In the Chrome
// format tenants are processes and programs threads; a program has a second thread where a turn
// came in before the last was over, as slices of a thread are nested or apart.
package timeline

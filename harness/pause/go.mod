module forebay.dev/harness/pause

go 1.24

module agent-cancellation/cluster/pause

go 1.25.0

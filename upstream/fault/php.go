package fault

// php is what a real PHP-FPM does. The log lines are those of sapi/fpm/fpm: fpm_process_ctl.c
// (fpm_pctl_perform_idle_server_maintenance), fpm_request.c (fpm_request_check_timed_out), fpm_children.c (fpm_children_bury).
var php = []*Fault{
	{Name: "php.max-children", Doc: "has all of its children busy (pm.max_children) with pages that wait for a stalled service: further requests queue",
		Level: Beyond, Evidence: Log, Needs: []Need{Backend}, Service: "tcp.accept-hang", Log: `server reached pm\.max_children setting`},
	{Name: "php.terminate", Doc: "kills a script that runs longer than request_terminate_timeout",
		Level: Beyond, Evidence: Log, Needs: []Need{Backend}, Log: `execution timed out \([0-9.]+ sec\), terminating`},
	{Name: "php.memory-limit", Doc: "ends a script that wants more memory than memory_limit",
		Level: Beyond, Evidence: Log, Needs: []Need{Backend}, Log: `PHP Fatal error: +Allowed memory size of \d+ bytes exhausted`},
	{Name: "php.crash", Doc: "has a child that dies of a segmentation fault in the middle of a script",
		Level: Beyond, Evidence: Log, Needs: []Need{Backend}, Log: `child \d+ exited on signal 11 \(SIGSEGV`},
	{Name: "php.fpm-stopped", Doc: "is stopped as a service: its port refuses connections until it is started again",
		Level: Beyond, Arm: StopBackend, Evidence: Exit, Needs: []Need{Backend}},
}

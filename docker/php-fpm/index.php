<?php
// The application. The end of the path chooses what happens, and every answer says who gave it to which request.
function tell(string $text): void { file_put_contents('php://stderr', $text . "\n"); }

$target = $_SERVER['REQUEST_URI'];
header('Content-Type: text/plain');
header('Gatefault-Endpoint: ' . getenv('GATEFAULT_ENDPOINT'));
header('Gatefault-Nonce: ' . $target);
tell("begin $target");

switch (basename(parse_url($target, PHP_URL_PATH))) {
case 'plugin': // waits for another service as long as it takes
    $service = stream_socket_client('tcp://' . getenv('GATEFAULT_SERVICE'));
    fwrite($service, "GET $target HTTP/1.0\r\n\r\n");
    stream_set_timeout($service, 60);
    $answer = stream_get_contents($service);
    tell('the service sent ' . strlen($answer) . ' bytes');
    break;
case 'slow':
    sleep(30);
    break;
case 'greedy':
    $page = str_repeat('x', 64 << 20);
    break;
case 'crash':
    posix_kill(posix_getpid(), 11); // SIGSEGV
    sleep(30);
}
echo "healthy\n";

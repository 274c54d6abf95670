#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""app.py PORT: the lab's web application, behind nginx on loopback.

It answers as slowly as applications do (10 to 25 ms): a static page is out before any packet seen on a mirror could
be answered, which would show nothing of what happens to an attack on an application.
"""
import http.server
import random
import sys
import time

TEXT = {'/login': b'welcome\n', '/upload.php': b'stored\n', '/cgi-bin/': b'Content: done\n'}


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self):
        left = int(self.headers.get('Content-Length') or 0)
        while left > 0:
            left -= len(self.rfile.read(min(left, 65536))) or left
        time.sleep(random.uniform(0.010, 0.025))
        body = next((t for p, t in TEXT.items() if self.path.startswith(p)), b'no such page\n')
        self.send_response(200 if body != b'no such page\n' else 404)
        self.send_header('Content-Type', 'text/plain')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_HEAD = answer

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), App).serve_forever()

/** What an image is made of. */
export interface ImageRecipe {
  readonly packages: readonly string[];
  /** Path -> text of files that are put on top. */
  readonly files: Readonly<Record<string, string>>;
  /** Folders that anybody may write to. */
  readonly writable: readonly string[];
  /** Paths that are left out. */
  readonly without: readonly string[];
  readonly config: {
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Env?: readonly string[];
    readonly User?: string;
    readonly WorkingDir?: string;
  };
}

const PATH = 'PATH=/usr/local/bin:/usr/bin:/usr/sbin:/usr/lib/postgresql/15/bin';

const users = {
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/sh\npostgres:x:999:999:postgres:/var/lib/postgresql:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
  'etc/group': 'root:x:0:\nwww-data:x:33:\npostgres:x:999:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
};

const nginxConfig = `worker_processes 1;
error_log /dev/stderr warn;
pid /tmp/nginx.pid;
events { worker_connections 512; }
http {
  access_log /dev/stdout;
  default_type text/html;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server {
    listen 80;
    root /usr/share/nginx/html;
    location = /hostname { return 200 "$hostname\\n"; }
  }
}
`;

/** The usual contract of database images: POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB, PGDATA. */
const postgresEntry = `#!/bin/sh
set -e
: "\${POSTGRES_PASSWORD:?POSTGRES_PASSWORD must be set}"
user="\${POSTGRES_USER:-postgres}"
database="\${POSTGRES_DB:-$user}"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf '%s' "$POSTGRES_PASSWORD" > /tmp/password
  initdb --username="$user" --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust --encoding=UTF8 --locale=C --no-sync >/dev/null
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  if [ "$database" != postgres ]; then
    echo "CREATE DATABASE \\"$database\\"" | postgres --single -j -D "$PGDATA" postgres >/dev/null
  fi
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp -c jit=off "$@"
`;

/** A page that shows what is in the database and takes new lines by POST. */
const webPage = `import html, http.server, os, urllib.parse
import psycopg2

def connect():
    return psycopg2.connect(host=os.environ['DB_HOST'], user=os.environ['DB_USER'], password=os.environ['DB_PASSWORD'],
                            dbname=os.environ.get('DB_NAME', 'app'), connect_timeout=3)

def query(statement, *values):
    connection = connect()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute('CREATE TABLE IF NOT EXISTS notes (id serial PRIMARY KEY, text text NOT NULL)')
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()

class Page(http.server.BaseHTTPRequestHandler):
    def answer(self, code, text):
        body = text.encode()
        self.send_response(code)
        self.send_header('Content-Type', 'text/html; charset=utf-8')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == '/healthz':
            return self.answer(200, 'ok')
        try:
            rows = query('SELECT text FROM notes ORDER BY id')
        except psycopg2.Error as error:
            return self.answer(503, html.escape(str(error)))
        items = ''.join('<li>%s</li>' % html.escape(row[0]) for row in rows)
        self.answer(200, '<h1>%s</h1><ul>%s</ul><p>%s</p>' % (html.escape(os.environ.get('TITLE', 'Notes')), items, os.uname().nodename))

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers.get('Content-Length', 0))).decode())
        query('INSERT INTO notes (text) VALUES (%s)', form.get('text', [''])[0])
        self.answer(201, 'saved')

    def log_message(self, text, *values):
        print(text % values, flush=True)

http.server.ThreadingHTTPServer(('', 8080), Page).serve_forever()
`;

const documents = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info', 'usr/share/lintian'];

/** The images by name; they are loaded as \`docker.io/library/NAME:TAG\` with the tags test, 1 and 2. */
export const images = {
  busybox: {
    packages: ['busybox-static'],
    files: users,
    writable: ['tmp'],
    without: documents,
    config: { Cmd: ['sh'], Env: [PATH] },
  },
  nginx: {
    packages: ['nginx', 'busybox-static'],
    files: {
      ...users,
      'etc/nginx/nginx.conf': nginxConfig,
      'usr/share/nginx/html/index.html': '<h1>Welcome to nginx!</h1>\n',
    },
    writable: ['tmp', 'var/log/nginx', 'var/lib/nginx'],
    without: documents,
    config: { Cmd: ['nginx', '-g', 'daemon off;'], Env: [PATH] },
  },
  postgres: {
    packages: ['postgresql-15', 'postgresql-client-15', 'busybox-static', 'libpam0g'],
    files: { ...users, 'usr/local/bin/entry': postgresEntry },
    writable: ['tmp', 'var/lib/postgresql'],
    without: [...documents, 'usr/lib/postgresql/15/lib/bitcode', 'usr/lib/postgresql/15/lib/llvmjit.so'],
    config: {
      Entrypoint: ['/usr/local/bin/entry'],
      Env: [PATH, 'PGDATA=/var/lib/postgresql/data'],
      User: '999:999',
    },
  },
  web: {
    packages: ['python3', 'python3-psycopg2', 'busybox-static'],
    files: { ...users, 'app/page.py': webPage },
    writable: ['tmp'],
    without: documents,
    config: { Entrypoint: ['/usr/bin/python3', '-u', '/app/page.py'], Env: [PATH], User: '65534:65534' },
  },
} as const satisfies Readonly<Record<string, ImageRecipe>>;

export type ImageName = keyof typeof images;

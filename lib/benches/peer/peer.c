/*
 * The peers of the benchmark: what a C program does.
 *
 *   peer xs   FILE                  xs_read of libxenstore, one after the other (the store is in XENSTORED_PATH)
 *   peer raw  WINDOW FILE SOCKET    READs on a bare socket, WINDOW of them under way
 *   peer walk WINDOW SOCKET         DIRECTORY, READ and GET_PERMS of every node, WINDOW requests under way
 *
 * FILE has one path a line. Each prints: requests or nodes, seconds of wall time, seconds of CPU time.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

struct header { uint32_t type, req_id, tx_id, len; };
enum { DIRECTORY = 1, READ = 2, GET_PERMS = 3, ERROR = 16, PAYLOAD_MAX = 4096 };

static void die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double wall(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	return use.ru_utime.tv_sec + use.ru_stime.tv_sec + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static char **paths;
static size_t count;

static void add(const char *path)
{
	static size_t room;
	if (count == room) {
		room = room ? room * 2 : 1024;
		paths = realloc(paths, room * sizeof *paths);
		if (!paths)
			die("memory");
	}
	paths[count++] = strdup(path);
}

static void load(const char *file)
{
	char line[4096];
	FILE *in = fopen(file, "r");
	if (!in)
		die(file);
	while (fgets(line, sizeof line, in)) {
		line[strcspn(line, "\n")] = 0;
		add(line);
	}
	fclose(in);
}

static int dial(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
		die(path);
	return fd;
}

/* Requests gather here and leave together. */
static char out[1 << 20];
static size_t out_len;

static void put(uint32_t type, uint32_t id, const char *path)
{
	uint32_t len = strlen(path) + 1;
	struct header head = { type, id, 0, len };
	memcpy(out + out_len, &head, sizeof head);
	memcpy(out + out_len + sizeof head, path, len);
	out_len += sizeof head + len;
}

static void flush_out(int fd)
{
	size_t done = 0;
	while (done < out_len) {
		ssize_t n = write(fd, out + done, out_len - done);
		if (n <= 0)
			die("write");
		done += n;
	}
	out_len = 0;
}

static char in[1 << 20];
static size_t in_start, in_end;

/* The next reply; its payload stays valid until the next call. */
static struct header next(int fd, char **payload)
{
	for (;;) {
		struct header head;
		if (in_end - in_start >= sizeof head) {
			memcpy(&head, in + in_start, sizeof head);
			if (in_end - in_start >= sizeof head + head.len) {
				*payload = in + in_start + sizeof head;
				in_start += sizeof head + head.len;
				return head;
			}
		}
		if (in_start == in_end)
			in_start = in_end = 0;
		if (in_end > sizeof in / 2) {
			memmove(in, in + in_start, in_end - in_start);
			in_end -= in_start;
			in_start = 0;
		}
		ssize_t n = read(fd, in + in_end, sizeof in - in_end);
		if (n <= 0)
			die("read");
		in_end += n;
	}
}

static void report(size_t units, double since, double cpu_since)
{
	printf("%zu %.6f %.6f\n", units, wall() - since, cpu() - cpu_since);
}

static int sequential(void)
{
	struct xs_handle *xs = xs_open(0);
	if (!xs)
		die("xs_open");
	double start = wall(), cpu_start = cpu();
	for (size_t i = 0; i < count; i++) {
		unsigned len;
		char *value = xs_read(xs, XBT_NULL, paths[i], &len);
		if (!value)
			die(paths[i]);
		free(value);
	}
	report(count, start, cpu_start);
	xs_close(xs);
	return 0;
}

static int pipelined(size_t window, int fd)
{
	size_t sent = 0, got = 0;
	double start = wall(), cpu_start = cpu();
	while (got < count) {
		while (sent < count && sent - got < window)
			put(READ, sent, paths[sent]), sent++;
		flush_out(fd);
		/* Refilled when half of the window is answered: fewer, larger writes. */
		size_t until = sent == count ? count : got + (sent - got + 1) / 2;
		while (got < until) {
			char *payload;
			struct header head = next(fd, &payload);
			if (head.type != READ)
				die("a reply");
			/* As a caller would have it. */
			char *value = malloc(head.len + 1);
			memcpy(value, payload, head.len);
			value[head.len] = 0;
			free(value);
			got++;
		}
	}
	report(count, start, cpu_start);
	return 0;
}

/* Three requests a node; what is kept of each is a copy of the reply. */
static int walk(size_t window, int fd)
{
	size_t asked = 0, sent = 0, got = 0;
	double start = wall(), cpu_start = cpu();
	char **kept;
	size_t kept_room = 1 << 18;
	kept = calloc(kept_room, sizeof *kept);
	add("/");
	while (got < count * 3) {
		while (asked < count && sent - got + 3 <= window) {
			put(DIRECTORY, asked * 4, paths[asked]);
			put(READ, asked * 4 + 1, paths[asked]);
			put(GET_PERMS, asked * 4 + 2, paths[asked]);
			sent += 3;
			asked++;
		}
		flush_out(fd);
		size_t until = got + (sent - got + 1) / 2;
		while (got < until) {
			char *payload;
			struct header head = next(fd, &payload);
			size_t node = head.req_id / 4;
			got++;
			if (head.type == ERROR)
				die("a reply");
			if (head.type == DIRECTORY) {
				for (size_t at = 0; at < head.len; at += strlen(payload + at) + 1) {
					char path[4096];
					const char *parent = paths[node];
					snprintf(path, sizeof path, "%s/%s", strcmp(parent, "/") ? parent : "", payload + at);
					add(path);
				}
			} else {
				char *copy = malloc(head.len + 1);
				memcpy(copy, payload, head.len);
				copy[head.len] = 0;
				if (got < kept_room)
					kept[got] = copy;
			}
		}
	}
	report(count, start, cpu_start);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "xs")) {
		load(argv[2]);
		return sequential();
	}
	if (argc == 5 && !strcmp(argv[1], "raw")) {
		load(argv[3]);
		return pipelined(atoi(argv[2]), dial(argv[4]));
	}
	if (argc == 4 && !strcmp(argv[1], "walk"))
		return walk(atoi(argv[2]), dial(argv[3]));
	fprintf(stderr, "usage: peer xs FILE | raw WINDOW FILE SOCKET | walk WINDOW SOCKET\n");
	return 2;
}

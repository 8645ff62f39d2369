/*
 * Preloaded into an unmodified xenstored or oxenstored, this stands in for the Xen libraries, so that the daemon runs
 * on any Linux machine, without Xen and without root.
 *
 * The hypervisor that it plays lives in the files of one directory, FAKE_XEN_DIR, shared with the test:
 *
 *   domains     one byte for every domain id: the state bits below, 0 = no such domain
 *   evtchn      FIFO with the events for the daemon: records of two 32-bit words, domain and its port, or VIRQ_DOMAIN
 *               and the number of a virtual interrupt
 *   domN.evtchn FIFO with the events for domain N: one byte per event
 *   domN.page   the ring page of domain N
 *   xsd_kva     the ring page of domain 0
 *   xsd_port    the port of domain 0
 *
 * A local port of the daemon is DOMAIN << 16 | REMOTE PORT, so nothing has to be remembered, and the exec of a live
 * update loses nothing. All work is done with raw system calls: the daemons' own calls of the same names end up here.
 *
 * Only what the daemons use is declared, by the layout of their libraries' public headers (xenctrl.h, xenevtchn.h,
 * xengnttab.h), so that no Xen header is needed to compile this.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define PAGE 4096
#define DOMAINS 0x7ff0
#define VIRQ_DOMAIN 0xffffffffu
#define VIRQ_DOM_EXC 3
/* Outside of what a domain and its port make. */
#define VIRQ_PORT(virq) (0x7fff0000 | (int)(virq))

enum { EXISTS = 1, SHUT_DOWN = 2, CRASHED = 4, DYING = 8, DEAD = 16 };
enum { REASON_POWEROFF = 0, REASON_CRASH = 3 };

static int evtchn = -1;
/* Every handle is a pointer to this: nobody looks behind one. */
static int handle;

static const char *run_dir(void)
{
	const char *dir = getenv("FAKE_XEN_DIR");
	return dir ? dir : "/nonexistent";
}

static int raw_open(const char *path, int flags, mode_t mode)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static int open_here(const char *name, int flags)
{
	char path[PAGE];
	snprintf(path, sizeof path, "%s/%s", run_dir(), name);
	return raw_open(path, flags, 0600);
}

static void *map_here(const char *name, size_t size)
{
	int fd = open_here(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int saved = errno;
	close(fd);
	errno = saved;
	return at == MAP_FAILED ? NULL : at;
}

/* A daemon never outlives the test that started it, even if that was killed. */
__attribute__((constructor)) static void die_with_the_test(void)
{
	const char *parent = getenv("FAKE_XEN_PARENT");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (parent && getppid() != atoi(parent))
		_exit(1);
	/* What a live update starts has another parent. */
	unsetenv("FAKE_XEN_PARENT");
}

/* ---- domains ---------------------------------------------------------------------------------------------------- */

static const volatile uint8_t *domain_table(void)
{
	static const volatile uint8_t *table;
	if (!table)
		table = map_here("domains", DOMAINS);
	if (!table) {
		fprintf(stderr, "shim: no table of domains in %s\n", run_dir());
		_exit(1);
	}
	return table;
}

/* The first domain from `from` upward; its state, or 0 if there is none. Like the hypervisor's own call. */
static uint8_t next_domain(uint32_t from, uint32_t *domid)
{
	const volatile uint8_t *table = domain_table();
	for (uint32_t id = from; id < DOMAINS; id++) {
		uint8_t state = table[id];
		if (state) {
			*domid = id;
			return state;
		}
	}
	return 0;
}

static uint32_t reason(uint8_t state)
{
	return state & CRASHED ? REASON_CRASH : REASON_POWEROFF;
}

void *xc_interface_open(void *logger, void *dombuild_logger, unsigned flags)
{
	(void)logger, (void)dombuild_logger, (void)flags;
	return &handle;
}

int xc_interface_close(void *xch)
{
	(void)xch;
	return 0;
}

struct xc_dominfo {
	uint32_t domid, ssidref, flags, shutdown_reason;
	uint8_t rest[96];
};

int xc_domain_getinfo(void *xch, uint32_t first, unsigned int max, struct xc_dominfo *info)
{
	unsigned int found = 0;
	uint32_t domid;
	uint8_t state;
	(void)xch;
	for (; found < max && (state = next_domain(first, &domid)); found++, first = domid + 1) {
		memset(&info[found], 0, sizeof *info);
		info[found].domid = domid;
		info[found].flags = (state & (DYING | DEAD) ? 1 : 0) | (state & CRASHED ? 2 : 0) |
				    (state & (SHUT_DOWN | CRASHED) ? 4 : 0) | (state == EXISTS ? 32 : 0);
		info[found].shutdown_reason = reason(state);
	}
	return (int)found;
}

struct xc_domaininfo {
	uint16_t domid, pad;
	uint32_t flags;
	uint8_t rest[104];
};

int xc_domain_getinfolist(void *xch, uint32_t first, unsigned int max, struct xc_domaininfo *info)
{
	unsigned int found = 0;
	uint32_t domid;
	uint8_t state;
	(void)xch;
	for (; found < max && (state = next_domain(first, &domid)); found++, first = domid + 1) {
		memset(&info[found], 0, sizeof *info);
		info[found].domid = (uint16_t)domid;
		info[found].flags = (state & (DYING | DEAD) ? 1 : 0) | (state & (SHUT_DOWN | CRASHED) ? 4 : 0) |
				    (state == EXISTS ? 0x20 : 0) | reason(state) << 16;
	}
	return (int)found;
}

const void *xc_get_last_error(void *xch)
{
	static const struct {
		int code;
		char message[1024];
	} none;
	(void)xch;
	return &none;
}

static void *map_page(uint32_t domid)
{
	char name[32];
	/* Nothing can be mapped of a domain that does not exist. */
	if (domid >= DOMAINS || !domain_table()[domid]) {
		errno = EINVAL;
		return NULL;
	}
	snprintf(name, sizeof name, "dom%u.page", domid);
	return map_here(name, PAGE);
}

void *xc_map_foreign_range(void *xch, uint32_t domid, int size, int prot, unsigned long mfn)
{
	(void)xch, (void)size, (void)prot, (void)mfn;
	return map_page(domid);
}

void *xengnttab_open(void *logger, unsigned flags)
{
	(void)logger, (void)flags;
	return &handle;
}

int xengnttab_close(void *xgt)
{
	(void)xgt;
	return 0;
}

int xengnttab_set_max_grants(void *xgt, uint32_t count)
{
	(void)xgt, (void)count;
	return 0;
}

void *xengnttab_map_grant_ref(void *xgt, uint32_t domid, uint32_t ref, int prot)
{
	(void)xgt, (void)ref, (void)prot;
	return map_page(domid);
}

int xengnttab_unmap(void *xgt, void *start, uint32_t count)
{
	(void)xgt;
	return munmap(start, (size_t)count * PAGE);
}

/* ---- event channels --------------------------------------------------------------------------------------------- */

struct event {
	uint32_t domid, port;
};

/* For reading and writing, so that there never is an end of file, and never without a reader either. */
void *xenevtchn_open(void *logger, unsigned flags)
{
	(void)logger;
	evtchn = open_here("evtchn", O_RDWR | O_NONBLOCK | (flags & 1 ? 0 : O_CLOEXEC));
	return evtchn < 0 ? NULL : &handle;
}

void *xenevtchn_fdopen(void *logger, int fd, unsigned flags)
{
	(void)logger, (void)flags;
	evtchn = fd;
	return &handle;
}

int xenevtchn_close(void *xce)
{
	(void)xce;
	close(evtchn);
	evtchn = -1;
	return 0;
}

int xenevtchn_fd(void *xce)
{
	(void)xce;
	return evtchn;
}

int xenevtchn_bind_virq(void *xce, unsigned virq)
{
	(void)xce;
	return VIRQ_PORT(virq);
}

/* A port just bound is pending, as on Xen: the other side may have notified before. */
int xenevtchn_bind_interdomain(void *xce, uint32_t domid, uint32_t port)
{
	struct event event = {domid, port};
	(void)xce;
	if (write(evtchn, &event, sizeof event) != sizeof event)
		return -1;
	return (int)(domid << 16 | port);
}

int xenevtchn_unbind(void *xce, uint32_t port)
{
	(void)xce, (void)port;
	return 0;
}

int xenevtchn_unmask(void *xce, uint32_t port)
{
	(void)xce, (void)port;
	return 0;
}

/* A full FIFO wakes its reader just as well. */
int xenevtchn_notify(void *xce, uint32_t port)
{
	char name[32];
	(void)xce;
	snprintf(name, sizeof name, "dom%u.evtchn", port >> 16);
	int fd = open_here(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t ignored = write(fd, "!", 1);
		(void)ignored;
		close(fd);
	}
	return 0;
}

/* A failure here would end the daemon, so a wake-up without an event looks like news about domains. */
int xenevtchn_pending(void *xce)
{
	struct event event;
	(void)xce;
	if (read(evtchn, &event, sizeof event) != sizeof event)
		return VIRQ_PORT(VIRQ_DOM_EXC);
	if (event.domid == VIRQ_DOMAIN)
		return VIRQ_PORT(event.port);
	return (int)(event.domid << 16 | event.port);
}

/* ---- the system ------------------------------------------------------------------------------------------------- */

/* Moves the directories that are built into the daemons, and what is in them, to the run directory. */
static const char *moved(const char *path, char *buffer, size_t size)
{
	static const char *const built_in[] = {
		"/var/run/xenstored", "/run/xenstored", "/var/run/xen", "/run/xen",
		"/var/lib/xen",	      "/var/log/xen",	"/proc/xen",
	};
	for (size_t i = 0; path && i < sizeof built_in / sizeof *built_in; i++) {
		size_t length = strlen(built_in[i]);
		if (!strncmp(path, built_in[i], length) && (path[length] == '/' || !path[length])) {
			snprintf(buffer, size, "%s%s", run_dir(), path + length);
			return buffer;
		}
	}
	return path;
}

/* The mode is there only with O_CREAT. */
#define OPEN(name)                                                                                  \
	int name(const char *path, int flags, ...)                                                  \
	{                                                                                           \
		char buffer[PAGE];                                                                  \
		va_list rest;                                                                       \
		va_start(rest, flags);                                                              \
		mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                           \
		va_end(rest);                                                                       \
		return raw_open(moved(path, buffer, sizeof buffer), flags, mode);                   \
	}
OPEN(open)
OPEN(open64)

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char from[PAGE] = "", to[PAGE];
	if (address->sa_family == AF_UNIX && length > sizeof(sa_family_t) && length <= sizeof un) {
		memcpy(from, address->sa_data, length - sizeof(sa_family_t));
		const char *path = moved(from, to, sizeof to);
		if (path == to) {
			if (strlen(path) >= sizeof un.sun_path) {
				errno = ENAMETOOLONG;
				return -1;
			}
			strcpy(un.sun_path, path);
			return (int)syscall(SYS_bind, fd, &un, sizeof un);
		}
	}
	return (int)syscall(SYS_bind, fd, address, length);
}

int unlink(const char *path)
{
	char buffer[PAGE];
	return (int)syscall(SYS_unlinkat, AT_FDCWD, moved(path, buffer, sizeof buffer), 0);
}

int mkdir(const char *path, mode_t mode)
{
	char buffer[PAGE];
	return (int)syscall(SYS_mkdirat, AT_FDCWD, moved(path, buffer, sizeof buffer), mode);
}

/* fstatat has another name, so it is the C library's own. */
int stat(const char *restrict path, struct stat *restrict status)
{
	char buffer[PAGE];
	return fstatat(AT_FDCWD, moved(path, buffer, sizeof buffer), status, 0);
}

int stat64(const char *restrict path, struct stat64 *restrict status)
{
	char buffer[PAGE];
	return fstatat64(AT_FDCWD, moved(path, buffer, sizeof buffer), status, 0);
}

/* oxenstored raises its limit of open files to the system's maximum, which only root may. */
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	if (!syscall(SYS_prlimit64, 0, resource, limit, NULL))
		return 0;
	struct rlimit have;
	if (errno != EPERM || syscall(SYS_prlimit64, 0, resource, NULL, &have))
		return -1;
	have.rlim_cur = have.rlim_max;
	return (int)syscall(SYS_prlimit64, 0, resource, &have, NULL);
}

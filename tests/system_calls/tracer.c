/* Runs a program, numbers the system calls with which it changes its root, and lets one of them go wrong.
 *
 *   tracer LOG ROOT CALL FIRST LAST ACTION NUMBER PART -- PROGRAM ARGUMENTS...
 *
 * Each call of the table below that touches a path below ROOT gets the next number of its kind, from 1, whichever thread
 * makes it: so a number names one point of the whole program, and points FIRST to LAST of CALL are where ACTION happens.
 * CALL "any" is every call that changes something, all kinds numbered together. ACTION is one of:
 *   none            nothing
 *   kill            the program is killed before the call
 *   error NUMBER    the call is not made and returns this errno
 *   late NUMBER     the call is made, and returns this errno all the same
 *   short NUMBER    a write is really made, but of NUMBER bytes at most
 * With a PART other than "-" only calls with that text in a path count for FIRST and LAST (the log numbers all of them).
 *
 * LOG gets one line per call as it ends, tabs between: call, number, thread, result (or "killed"), flags of an open (hex),
 * path, second path, "injected" or "-". SIGTERM is passed on. The exit code is the program's, or 128 + its signal.
 *
 * Written because strace counts per thread, cannot make a write short, and need not be installed. x86-64 only. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the arguments are: f a descriptor, p a path, d a folder's descriptor and a path, s a socket's address, . nothing.
 * Those after "read" change nothing. */
static const struct call { const char *name; int number; const char *arguments; } CALLS[] = {
    {"write", SYS_write, "f"}, {"pwrite64", SYS_pwrite64, "f"}, {"writev", SYS_writev, "f"}, {"pwritev", SYS_pwritev, "f"},
    {"copy_file_range", SYS_copy_file_range, "f.f"}, {"sendfile", SYS_sendfile, "ff"},
    {"open", SYS_open, "p"}, {"openat", SYS_openat, "d"}, {"openat2", SYS_openat2, "d"}, {"creat", SYS_creat, "p"},
    {"close", SYS_close, "f"}, {"fsync", SYS_fsync, "f"}, {"fdatasync", SYS_fdatasync, "f"}, {"syncfs", SYS_syncfs, "f"},
    {"sync_file_range", SYS_sync_file_range, "f"},
    {"ftruncate", SYS_ftruncate, "f"}, {"truncate", SYS_truncate, "p"}, {"fallocate", SYS_fallocate, "f"},
    {"rename", SYS_rename, "pp"}, {"renameat", SYS_renameat, "dd"}, {"renameat2", SYS_renameat2, "dd"},
    {"link", SYS_link, "pp"}, {"linkat", SYS_linkat, "dd"}, {"symlink", SYS_symlink, "pp"}, {"unlink", SYS_unlink, "p"},
    {"unlinkat", SYS_unlinkat, "d"}, {"rmdir", SYS_rmdir, "p"}, {"mkdir", SYS_mkdir, "p"}, {"mkdirat", SYS_mkdirat, "d"},
    {"mknodat", SYS_mknodat, "d"}, {"bind", SYS_bind, "s"},
    {"chmod", SYS_chmod, "p"}, {"fchmod", SYS_fchmod, "f"}, {"fchmodat", SYS_fchmodat, "d"}, {"chown", SYS_chown, "p"},
    {"fchown", SYS_fchown, "f"}, {"fchownat", SYS_fchownat, "d"}, {"lchown", SYS_lchown, "p"}, {"utimensat", SYS_utimensat, "d"},
    {"flock", SYS_flock, "f"},
    {"read", SYS_read, "f"}, {"fcntl", SYS_fcntl, "f"}, {"pread64", SYS_pread64, "f"}, {"getdents64", SYS_getdents64, "f"}, {"stat", SYS_stat, "p"}, {"lstat", SYS_lstat, "p"},
    {"fstat", SYS_fstat, "f"}, {"statx", SYS_statx, "d"}, {"newfstatat", SYS_newfstatat, "d"},
};
enum { COUNT = sizeof CALLS / sizeof *CALLS, THREADS = 512, LENGTH = 4200 };

static struct thread { pid_t id; int call; unsigned long number, flags; int injected; char paths[2][LENGTH]; } threads[THREADS];
static unsigned long numbers[COUNT], met;
static int first_reading;
static pid_t program;

static void give_up(const char *what) { perror(what); if (program > 0) kill(program, SIGKILL); exit(125); }
static void pass_on(int signal) { if (program > 0) kill(program, signal); }

static struct thread *thread_of(pid_t id) {
    struct thread *free_one = NULL;
    for (int at = 0; at < THREADS; at++) {
        if (threads[at].id == id) return &threads[at];
        if (!threads[at].id && !free_one) free_one = &threads[at];
    }
    if (!free_one) { errno = ENOMEM; give_up("too many threads"); }
    free_one->id = id;
    free_one->call = -1;
    return free_one;
}

static void path_of_link(pid_t id, const char *what, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/%s", id, what);
    ssize_t length = readlink(link, path, LENGTH - 1);
    path[length < 0 ? 0 : length] = 0;
}

static void path_of_descriptor(pid_t id, long descriptor, char *path) {
    char what[32];
    snprintf(what, sizeof what, "fd/%ld", descriptor);
    path_of_link(id, (int)descriptor == AT_FDCWD ? "cwd" : what, path);
}

static void text_at(pid_t id, unsigned long address, char *text) {
    size_t length = 0;
    text[0] = 0;
    while (length < LENGTH - 8) { /* page by page: the next page may not be there */
        size_t part = 4096 - (address + length) % 4096;
        if (part > LENGTH - 1 - length) part = LENGTH - 1 - length;
        struct iovec here = {text + length, part}, there = {(void *)(address + length), part};
        ssize_t got = process_vm_readv(id, &here, 1, &there, 1, 0);
        if (got <= 0) break;
        if (memchr(text + length, 0, got)) return;
        length += got;
    }
    text[length] = 0;
}

static void path_at(pid_t id, long folder, unsigned long address, char *path) {
    char name[LENGTH], base[LENGTH];
    text_at(id, address, name);
    if (name[0] == '/') { strcpy(path, name); return; }
    path_of_descriptor(id, folder, base);
    if (!name[0]) { strcpy(path, base); return; }
    if (snprintf(path, LENGTH, "%s/%s", base, name) >= LENGTH) path[LENGTH - 1] = 0;
}

static void read_paths(struct thread *thread, const struct call *call, const unsigned long *arguments) {
    int at = 0, found = 0;
    thread->paths[0][0] = thread->paths[1][0] = 0;
    for (const char *kind = call->arguments; *kind && found < 2; kind++) {
        char *path = thread->paths[found];
        switch (*kind) {
        case 'f': path_of_descriptor(thread->id, arguments[at], path); at++; found++; break;
        case 'p': path_at(thread->id, AT_FDCWD, arguments[at], path); at++; found++; break;
        case 'd': path_at(thread->id, arguments[at], arguments[at + 1], path); at += 2; found++; break;
        case 's': path_at(thread->id, AT_FDCWD, arguments[at + 1] + 2, path); at += 2; found++; break;
        default: at++;
        }
    }
    for (int path = 0; path < 2; path++) /* one line per call, whatever a name holds */
        for (char *sign = thread->paths[path]; *sign; sign++)
            if (*sign == '\t' || *sign == '\n') *sign = '?';
}

static int is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (!path[length] || path[length] == '/' || length == 1);
}

/* Stops the program at the calls of the table only, so that the others cost nothing. */
static void only_these_calls(void) {
    struct sock_filter filter[COUNT + 8];
    int at = 0;
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int call = 0; call < COUNT; call++)
        filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALLS[call].number, COUNT - call, 0);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog whole = {at, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole)) _exit(124);
}

int main(int count, char **arguments) {
    if (count < 11 || strcmp(arguments[9], "--")) { fprintf(stderr, "usage: see the head of tracer.c\n"); return 125; }
    FILE *log = fopen(arguments[1], "w");
    const char *root = arguments[2], *wanted = arguments[3], *action = arguments[6], *part = arguments[8];
    unsigned long first = strtoul(arguments[4], NULL, 10), last = strtoul(arguments[5], NULL, 10);
    long number = strtol(arguments[7], NULL, 10);
    while (strcmp(CALLS[first_reading].name, "read")) first_reading++;
    if (!log) give_up(arguments[1]);

    program = fork();
    if (program < 0) give_up("fork");
    if (!program) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0)) _exit(124);
        raise(SIGSTOP);
        only_these_calls();
        execv(arguments[10], arguments + 10);
        _exit(124);
    }
    struct sigaction passing = {.sa_handler = pass_on};
    sigaction(SIGTERM, &passing, NULL);
    int status;
    if (waitpid(program, &status, 0) != program || !WIFSTOPPED(status)) give_up("the program did not start");
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, program, 0, options)) give_up("ptrace");
    ptrace(PTRACE_CONT, program, 0, 0);

    for (;;) {
        pid_t id = waitpid(-1, &status, __WALL);
        if (id < 0) {
            if (errno == EINTR) continue;
            give_up("waitpid");
        }
        if (!WIFSTOPPED(status)) {
            if (id == program) break;
            thread_of(id)->id = 0;
            continue;
        }
        struct thread *thread = thread_of(id);
        int signal = WSTOPSIG(status), event = status >> 16, resume = PTRACE_CONT, deliver = 0;
        struct user_regs_struct registers;
        struct iovec whole = {&registers, sizeof registers};
        if (event == PTRACE_EVENT_SECCOMP) {
            if (ptrace(PTRACE_GETREGSET, id, 1, &whole)) continue; /* killed meanwhile */
            const unsigned long given[] = {registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9};
            int call = 0;
            while (call < COUNT && CALLS[call].number != (int)registers.orig_rax) call++;
            if (call < COUNT) {
                read_paths(thread, &CALLS[call], given);
                if (is_below(thread->paths[0], root) || is_below(thread->paths[1], root)) {
                    thread->call = call;
                    thread->number = ++numbers[call];
                    thread->flags = !strcmp(CALLS[call].name, "openat") ? given[2] : 0;
                    thread->injected = 0;
                    resume = PTRACE_SYSCALL; /* and so stop at its end */
                    int is_meant = !strcmp(CALLS[call].name, wanted) || (!strcmp(wanted, "any") && call < first_reading);
                    is_meant = is_meant && (!strcmp(part, "-") || strstr(thread->paths[0], part) || strstr(thread->paths[1], part));
                    if (is_meant) met++;
                    if (is_meant && met >= first && met <= last) {
                        thread->injected = 1;
                        if (!strcmp(action, "kill")) {
                            fprintf(log, "%s\t%lu\t%d\tkilled\t%lx\t%s\t%s\tinjected\n", CALLS[call].name, thread->number, id, thread->flags, thread->paths[0], thread->paths[1]);
                            kill(program, SIGKILL);
                        } else if (!strcmp(action, "error")) {
                            registers.orig_rax = -1; /* no such call: nothing is done */
                            registers.rax = -number;
                            ptrace(PTRACE_SETREGSET, id, 1, &whole);
                        } else if (!strcmp(action, "short") && registers.rdx > (unsigned long)number) {
                            registers.rdx = number;
                            ptrace(PTRACE_SETREGSET, id, 1, &whole);
                        }
                    }
                }
            }
        } else if (signal == (SIGTRAP | 0x80)) {
            if (thread->call >= 0 && !ptrace(PTRACE_GETREGSET, id, 1, &whole)) {
                if (thread->injected && (!strcmp(action, "error") || !strcmp(action, "late"))) {
                    registers.rax = -number;
                    ptrace(PTRACE_SETREGSET, id, 1, &whole);
                }
                fprintf(log, "%s\t%lu\t%d\t%lld\t%lx\t%s\t%s\t%s\n", CALLS[thread->call].name, thread->number, id, (long long)registers.rax,
                        thread->flags, thread->paths[0], thread->paths[1], thread->injected ? "injected" : "-");
                thread->call = -1;
            }
        } else if (signal != SIGTRAP && !(signal == SIGSTOP && !event && thread->call == -1 && id != program)) {
            deliver = event ? 0 : signal; /* a new thread begins with a stop of ptrace's own */
        }
        ptrace(resume, id, 0, deliver);
    }
    fclose(log);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

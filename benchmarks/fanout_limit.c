/* What is possible at all: one process that writes a frame to every connection, in C.
 *
 * usage: fanout_limit CLIENTS, then lines "HERTZ COUNT" on standard input. It prints the port that it
 * listens at, "ready" when all have connected, and after each line the CPU seconds that it took.
 * A connection that can't take a frame waits in epoll for its turn, as a real server's would.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAD 240

static double now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static double cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_utime.tv_usec / 1e6 + used.ru_stime.tv_sec +
           used.ru_stime.tv_usec / 1e6;
}

/* A text frame of a server with the instant in it. */
static int frame(char *buffer, long number) {
    char text[1024], pad[PAD + 1];
    memset(pad, 'x', PAD);
    pad[PAD] = 0;
    int length = snprintf(text, sizeof text,
                          "{\"type\":\"delta\",\"topic\":\"bench\",\"pos\":\"%ld\",\"value\":"
                          "{\"at\":%.6f,\"pad\":\"%s\"}}",
                          number, now(CLOCK_REALTIME), pad);
    buffer[0] = (char)0x81;
    buffer[1] = 126;
    buffer[2] = (char)(length >> 8);
    buffer[3] = (char)length;
    memcpy(buffer + 4, text, length);
    return length + 4;
}

static void broadcast(int poll, int *clients, int count, long number) {
    char buffer[2048];
    int length = frame(buffer, number), waiting = 0;
    for (int i = 0; i < count; i++) {
        if (write(clients[i], buffer, length) < 0 && errno == EAGAIN) {
            struct epoll_event event = {.events = EPOLLOUT, .data.fd = clients[i]};
            waiting += epoll_ctl(poll, EPOLL_CTL_ADD, clients[i], &event) == 0;
        }
    }
    while (waiting) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 100);
        if (ready <= 0) break;
        for (int i = 0; i < ready; i++) {
            if (write(events[i].data.fd, buffer, length) < 0 && errno == EAGAIN) continue;
            epoll_ctl(poll, EPOLL_CTL_DEL, events[i].data.fd, NULL);
            waiting--;
        }
    }
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 0, one = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
    int *clients = calloc(count ? count : 1, sizeof *clients);
    if (bind(listener, (struct sockaddr *)&here, size) || listen(listener, 2048)) return 1;
    getsockname(listener, (struct sockaddr *)&here, &size);
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    for (int i = 0; i < count; i++) {
        clients[i] = accept(listener, NULL, NULL);
        if (clients[i] < 0) return 1;
        setsockopt(clients[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(clients[i], F_SETFL, O_NONBLOCK);
    }
    printf("ready\n");
    fflush(stdout);
    double hertz;
    long rounds, number = 0;
    while (scanf("%lf %ld", &hertz, &rounds) == 2) {
        double before = cpu(), next = now(CLOCK_MONOTONIC);
        for (long i = 0; i < rounds; i++) {
            broadcast(poll, clients, count, number++);
            next += 1 / hertz;
            double rest = next - now(CLOCK_MONOTONIC);
            struct timespec pause = {(time_t)rest, (long)((rest - (time_t)rest) * 1e9)};
            if (rest > 0) nanosleep(&pause, NULL);
        }
        printf("%.6f\n", cpu() - before);
        fflush(stdout);
    }
    return 0;
}

/* Sends a CCSDS space packet a datagram, as a ship's modem would: cc -o send send.c && ./send [host] [port] [packets] [packets a second] */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t *put(uint8_t *at, uint32_t value, int octets) {
    while (octets-- > 0) *at++ = (uint8_t)(value >> (8 * octets));
    return at;
}

int main(int argc, char **argv) {
    int link = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(argc > 2 ? atoi(argv[2]) : 10015)};
    inet_pton(AF_INET, argc > 1 ? argv[1] : "127.0.0.1", &to.sin_addr);
    uint32_t count = argc > 3 ? (uint32_t)atoi(argv[3]) : 60;
    useconds_t pause_us = 1000000 / (argc > 4 ? (useconds_t)atoi(argv[4]) : 1);
    for (uint32_t n = 0; n < count; n++) {
        uint8_t packet[15], *at = packet;
        at = put(at, 100, 2);                   /* version 0, telemetry, no secondary header, APID 100 */
        at = put(at, 0xC000 | (n & 0x3FFF), 2); /* unsegmented, sequence count */
        at = put(at, sizeof packet - 6 - 1, 2); /* octets that follow, minus 1 */
        at = put(at, n, 4);                     /* uptime */
        at = put(at, 7700 + n % 100, 2);        /* bus_voltage, mV */
        at = put(at, 2000 - n % 100, 2);        /* temperature, 0.01 degC */
        put(at, 1, 1);                          /* mode */
        sendto(link, packet, sizeof packet, 0, (struct sockaddr *)&to, sizeof to);
        usleep(pause_us);
    }
    return 0;
}

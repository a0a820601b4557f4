/*
 * Times Debian's libsml on a file of SML telegrams: `libsml FILE TELEGRAMS SECONDS`.
 * libsml waits at the end of a file, so it must be told how many telegrams there are.
 * Prints "telegrams nanoseconds-read nanoseconds-parse": per telegram, once as programs use the
 * library (it reads the descriptor by itself), once for parsing alone with all telegrams in memory.
 */
#include <fcntl.h>
#include <sml/sml_file.h>
#include <sml/sml_transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TELEGRAM_BYTES 8192
#define TELEGRAMS 4096

static unsigned char *telegrams[TELEGRAMS];
static size_t lengths[TELEGRAMS];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static long parse(unsigned char *bytes, size_t length) {
  sml_file *file = sml_file_parse(bytes + 8, length - 16);
  long messages = file == NULL ? 0 : file->messages_len;
  if (file != NULL) sml_file_free(file);
  return messages;
}

int main(int argc, char **argv) {
  unsigned char buffer[TELEGRAM_BYTES];
  if (argc != 4) return 2;
  long wanted = atol(argv[2]);
  double span = atof(argv[3]) * 1e9;
  if (wanted < 1 || wanted > TELEGRAMS) return 2;
  int descriptor = open(argv[1], O_RDONLY);
  if (descriptor < 0) return 1;
  long count = 0;
  size_t length;
  while (count < wanted && (length = sml_transport_read(descriptor, buffer, sizeof buffer)) > 0) {
    telegrams[count] = malloc(length);
    memcpy(telegrams[count], buffer, length);
    lengths[count++] = length;
  }
  if (count < wanted) return 1;
  long done = 0, messages = 0;
  double started = now();
  while (now() - started < span) {
    lseek(descriptor, 0, SEEK_SET);
    for (long index = 0; index < count; index++) {
      length = sml_transport_read(descriptor, buffer, sizeof buffer);
      messages += parse(buffer, length);
    }
    done += count;
  }
  double reading = (now() - started) / done;
  done = 0;
  started = now();
  while (now() - started < span) {
    for (long index = 0; index < count; index++) messages += parse(telegrams[index], lengths[index]);
    done += count;
  }
  printf("%ld %.0f %.0f\n", count, reading, (now() - started) / done);
  return messages > 0 ? 0 : 1;
}

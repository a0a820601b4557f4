/*
 * What libsml reads in a file of TELEGRAMS SML telegrams, and the same telegrams as libsml itself
 * writes them: `libsml-dump FILE TELEGRAMS OUTPUT`. Prints a line an entry: telegram number, OBIS
 * code in hex, then "octets HEX" or "number RAW SCALER UNIT STATUS" ("-" where absent).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sml/sml_file.h>
#include <sml/sml_get_list_response.h>
#include <sml/sml_transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void hex(const octet_string *text) {
  for (int at = 0; text != NULL && at < text->len; at++) printf("%02x", text->str[at]);
}

static void number(const sml_value *value) {
  switch (value->type) {
  case 0x51: printf("%d", *value->data.int8); break;
  case 0x52: printf("%d", *value->data.int16); break;
  case 0x54: printf("%" PRId32, *value->data.int32); break;
  case 0x58: printf("%" PRId64, *value->data.int64); break;
  case 0x61: printf("%u", *value->data.uint8); break;
  case 0x62: printf("%u", *value->data.uint16); break;
  case 0x64: printf("%" PRIu32, *value->data.uint32); break;
  case 0x68: printf("%" PRIu64, *value->data.uint64); break;
  default: printf("?%x", value->type);
  }
}

static void status(const sml_status *word) {
  if (word == NULL) printf("-");
  else switch (word->type & 0x0f) {
  case 1: printf("%u", *word->data.status8); break;
  case 2: printf("%u", *word->data.status16); break;
  case 4: printf("%" PRIu32, *word->data.status32); break;
  default: printf("%" PRIu64, *word->data.status64);
  }
}

static void entry(long telegram, const sml_list *row) {
  printf("%ld ", telegram);
  hex(row->obj_name);
  if (row->value == NULL) printf(" none");
  else if ((row->value->type & 0x70) == 0x00) {
    printf(" octets ");
    hex(row->value->data.bytes);
  } else {
    printf(" number ");
    number(row->value);
    printf(row->scaler == NULL ? " -" : " %d", row->scaler == NULL ? 0 : *row->scaler);
    printf(row->unit == NULL ? " - " : " %u ", row->unit == NULL ? 0 : *row->unit);
    status(row->status);
  }
  printf("\n");
}

int main(int argc, char **argv) {
  unsigned char buffer[16384];
  if (argc != 4) return 2;
  int input = open(argv[1], O_RDONLY);
  int output = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (input < 0 || output < 0) return 1;
  for (long telegram = 0; telegram < atol(argv[2]); telegram++) {
    size_t length = sml_transport_read(input, buffer, sizeof buffer);
    if (length == 0) return 1;
    sml_file *file = sml_file_parse(buffer + 8, length - 16);
    for (int index = 0; index < file->messages_len; index++) {
      sml_message *message = file->messages[index];
      if (*message->message_body->tag != SML_MESSAGE_GET_LIST_RESPONSE) continue;
      sml_get_list_response *list = (sml_get_list_response *)message->message_body->data;
      for (sml_list *row = list->val_list; row != NULL; row = row->next) entry(telegram, row);
    }
    file->buf = sml_buffer_init(sizeof buffer);
    sml_transport_write(output, file);
  }
  return 0;
}

import gurux.dlms.GXByteBuffer;
import gurux.dlms.GXReplyData;
import gurux.dlms.enums.Authentication;
import gurux.dlms.enums.InterfaceType;
import gurux.dlms.enums.Security;
import gurux.dlms.secure.GXDLMSSecureClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Decodes a file of telegrams with Gurux's DLMS library, as a line would deliver them, and prints
 * the nanoseconds that one took and how many were understood.
 *
 * Arguments: file (each telegram behind its length in two bytes), bytes in a chunk, keys in hex or
 * "-" for telegrams in plain, rounds.
 */
public final class GuruxDecode {
    private GuruxDecode() {}

    public static void main(String[] words) throws Exception {
        byte[] file = Files.readAllBytes(Path.of(words[0]));
        int chunk = Integer.parseInt(words[1]);
        List<byte[]> telegrams = new ArrayList<>();
        for (int at = 0; at < file.length; ) {
            int length = (file[at] & 0xff) << 8 | file[at + 1] & 0xff;
            telegrams.add(java.util.Arrays.copyOfRange(file, at + 2, at + 2 + length));
            at += 2 + length;
        }
        long best = Long.MAX_VALUE;
        int understood = 0;
        for (int round = 0; round < Integer.parseInt(words[3]); round++) {
            GXDLMSSecureClient client = open(words[2]);
            understood = 0;
            long started = System.nanoTime();
            for (byte[] telegram : telegrams) understood += decode(client, telegram, chunk);
            best = Math.min(best, System.nanoTime() - started);
        }
        System.out.println(best / telegrams.size() + " " + understood);
    }

    private static GXDLMSSecureClient open(String keys) {
        GXDLMSSecureClient client =
                new GXDLMSSecureClient(true, 16, 1, Authentication.NONE, null, InterfaceType.HDLC);
        if (!keys.equals("-")) {
            client.getCiphering().setSecurity(Security.AUTHENTICATION_ENCRYPTION);
            client.getCiphering().setBlockCipherKey(bytes(keys.substring(0, 32)));
            client.getCiphering().setAuthenticationKey(bytes(keys.substring(32)));
        }
        return client;
    }

    private static int decode(GXDLMSSecureClient client, byte[] telegram, int chunk)
            throws Exception {
        GXByteBuffer line = new GXByteBuffer();
        GXReplyData reply = new GXReplyData();
        GXReplyData notify = new GXReplyData();
        for (int at = 0; at < telegram.length; at += chunk) {
            line.set(telegram, at, Math.min(chunk, telegram.length - at));
            client.getData(line, reply, notify);
            if (notify.isComplete() && notify.getValue() != null) return 1;
        }
        return 0;
    }

    private static byte[] bytes(String hex) {
        byte[] found = new byte[hex.length() / 2];
        for (int at = 0; at < found.length; at++)
            found[at] = (byte) Integer.parseInt(hex.substring(2 * at, 2 * at + 2), 16);
        return found;
    }
}

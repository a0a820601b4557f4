import gurux.dlms.GXDLMSConnectionEventArgs;
import gurux.dlms.GXDateTime;
import gurux.dlms.GXServerReply;
import gurux.dlms.ValueEventArgs;
import gurux.dlms.enums.AccessMode;
import gurux.dlms.enums.Authentication;
import gurux.dlms.enums.DataType;
import gurux.dlms.enums.InterfaceType;
import gurux.dlms.enums.MethodAccessMode;
import gurux.dlms.enums.ObjectType;
import gurux.dlms.enums.SourceDiagnostic;
import gurux.dlms.enums.Unit;
import gurux.dlms.objects.GXDLMSAssociationLogicalName;
import gurux.dlms.objects.GXDLMSClock;
import gurux.dlms.objects.GXDLMSData;
import gurux.dlms.objects.GXDLMSObject;
import gurux.dlms.objects.GXDLMSProfileGeneric;
import gurux.dlms.objects.GXDLMSRegister;
import gurux.dlms.objects.GXDLMSSecuritySetup;
import gurux.dlms.objects.enums.ApplicationContextName;
import gurux.dlms.objects.enums.SecurityPolicy;
import gurux.dlms.objects.enums.SecuritySuite;
import gurux.dlms.secure.GXDLMSSecureServer2;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.Date;
import java.util.EnumSet;

/**
 * A meter to be asked, made of Gurux's DLMS server: HDLC on one port, the wrapper on another, both
 * on this machine alone. Prints `hdlc PORT` and `wrapper PORT`, ends with its standard input.
 *
 * Arguments: the client's public key (SPKI) and this meter's private key (PKCS#8), both in base64,
 * for proofs by signature on P-256.
 *
 * Clients: 16 public, 17 password, 18 MD5, 19 SHA-1, 20 SHA-256, 1 to 3 GMAC and ciphered in suites
 * 0 to 2, 4 signature and ciphered in suite 1.
 */
public final class MeterServer extends GXDLMSSecureServer2 {
    static final byte[] TITLE = {'S', 'I', 'M', 0, 0, 0, 0, 1};
    static final String SECRET = "a secret of sixteen";
    static final int ROWS = 96;
    static final long START_SECONDS = 1_773_273_600L; // 2026-03-12 00:00 UTC
    static final long SEEN = 1000; // Counter that this meter has seen already.

    private final KeyPair signing;

    private MeterServer(InterfaceType link, KeyPair signing) {
        super(true, link);
        this.signing = signing;
        getCiphering().setSystemTitle(TITLE);
        fill();
        initialize();
    }

    private void fill() {
        GXDLMSClock clock = new GXDLMSClock();
        clock.setTime(new GXDateTime(new Date(START_SECONDS * 1000)));
        getItems().add(clock);
        GXDLMSData number = new GXDLMSData("0.0.42.0.0.255");
        number.setValue("SIM0000000000001".getBytes());
        number.setDataType(2, DataType.OCTET_STRING);
        getItems().add(number);
        GXDLMSRegister energy = register("1.0.1.8.0.255", 3, Unit.ACTIVE_ENERGY, 123456789L);
        register("1.0.2.8.0.255", 0, Unit.ACTIVE_ENERGY, 4500L);
        register("1.0.1.7.0.255", 0, Unit.ACTIVE_POWER, 412L);
        register("1.0.2.7.0.255", 0, Unit.ACTIVE_POWER, 0L);
        register("1.0.32.7.0.255", -1, Unit.VOLTAGE, 2301L);
        register("1.0.14.7.0.255", -2, Unit.FREQUENCY, 4998L);
        GXDLMSProfileGeneric profile = new GXDLMSProfileGeneric("1.0.99.1.0.255");
        profile.setCapturePeriod(900);
        profile.addCaptureObject(clock, 2, 0);
        profile.addCaptureObject(energy, 2, 0);
        for (int row = 0; row < ROWS; row++) {
            Date time = new Date((START_SECONDS + 900L * row) * 1000);
            profile.addRow(new Object[] {new GXDateTime(time), 1000L + row});
        }
        getItems().add(profile);
        associate(16, Authentication.NONE, -1);
        associate(17, Authentication.LOW, -1);
        associate(18, Authentication.HIGH_MD5, -1);
        associate(19, Authentication.HIGH_SHA1, -1);
        associate(20, Authentication.HIGH_SHA256, -1);
        for (int suite = 0; suite < 3; suite++) {
            secure(suite);
            associate(1 + suite, Authentication.HIGH_GMAC, suite);
        }
        associate(4, Authentication.HIGH_ECDSA, 1);
    }

    private GXDLMSRegister register(String name, int exponent, Unit unit, long value) {
        GXDLMSRegister register = new GXDLMSRegister(name);
        register.setScaler(Math.pow(10, exponent));
        register.setUnit(unit);
        register.setValue(value);
        register.setDataType(2, DataType.UINT32);
        getItems().add(register);
        return register;
    }

    private void secure(int suite) {
        GXDLMSSecuritySetup setup = new GXDLMSSecuritySetup("0.0.43.0." + suite + ".255");
        setup.setSecuritySuite(SecuritySuite.values()[suite]);
        setup.setSecurityPolicy(
                EnumSet.of(SecurityPolicy.AUTHENTICATED, SecurityPolicy.ENCRYPTED));
        setup.setServerSystemTitle(TITLE);
        setup.setGuek(key(suite, 0x00));
        setup.setGak(key(suite, 0xd0));
        getItems().add(setup);
        GXDLMSData counter = new GXDLMSData("0.0.43.1." + suite + ".255");
        counter.setDataType(2, DataType.UINT32);
        counter.setValue(SEEN);
        getItems().add(counter);
    }

    /** Bytes that count up: 16 of them, 32 in suite 2. */
    private static byte[] key(int suite, int first) {
        byte[] key = new byte[suite == 2 ? 32 : 16];
        for (int at = 0; at < key.length; at++) key[at] = (byte) (first + at);
        return key;
    }

    private void associate(int client, Authentication way, int suite) {
        GXDLMSAssociationLogicalName association =
                new GXDLMSAssociationLogicalName("0.0.40.0." + client + ".255");
        association.setClientSAP(client);
        association.getAuthenticationMechanismName().setMechanismId(way);
        // Gurux would sign the secret, too, which the standard does not have.
        boolean signs = way == Authentication.HIGH_ECDSA;
        association.setSecret(signs ? new byte[0] : SECRET.getBytes());
        association.getXDLMSContextInfo().setMaxReceivePduSize(1024);
        association.getXDLMSContextInfo().setMaxSendPduSize(1024);
        association.getXDLMSContextInfo().setConformance(getConformance());
        if (suite >= 0) {
            association
                    .getApplicationContextName()
                    .setContextId(ApplicationContextName.LOGICAL_NAME_WITH_CIPHERING);
            association.setSecuritySetupReference("0.0.43.0." + suite + ".255");
        }
        association.getObjectList().addAll(getItems());
        getItems().add(association);
    }

    @Override
    protected boolean isTarget(int server, int client) {
        for (GXDLMSObject object : getItems().getObjects(ObjectType.ASSOCIATION_LOGICAL_NAME)) {
            GXDLMSAssociationLogicalName one = (GXDLMSAssociationLogicalName) object;
            if (one.getClientSAP() != client) continue;
            setAssignedAssociation(one);
            if (client == 4) getCiphering().setSigningKeyPair(signing);
            return true;
        }
        return false;
    }

    @Override
    protected SourceDiagnostic onValidateAuthentication(Authentication way, byte[] password) {
        boolean wrong = way == Authentication.LOW && !Arrays.equals(password, SECRET.getBytes());
        return wrong ? SourceDiagnostic.AUTHENTICATION_FAILURE : SourceDiagnostic.NONE;
    }

    @Override
    protected GXDLMSObject onFindObject(ObjectType type, int shortName, String name) {
        // The association in use goes by the name of the present one, too.
        boolean own = type == ObjectType.ASSOCIATION_LOGICAL_NAME && name.equals("0.0.40.0.0.255");
        return own ? getAssignedAssociation() : null;
    }

    @Override
    protected AccessMode onGetAttributeAccess(ValueEventArgs event) {
        return AccessMode.READ;
    }

    @Override
    protected MethodAccessMode onGetMethodAccess(ValueEventArgs event) {
        return MethodAccessMode.ACCESS;
    }

    @Override
    public void onPreGet(ValueEventArgs[] events) {}

    @Override
    public void onPostGet(ValueEventArgs[] events) {}

    @Override
    public void onPreRead(ValueEventArgs[] events) {}

    @Override
    public void onPostRead(ValueEventArgs[] events) {}

    @Override
    protected void onPreWrite(ValueEventArgs[] events) {}

    @Override
    protected void onPostWrite(ValueEventArgs[] events) {}

    @Override
    protected void onPreAction(ValueEventArgs[] events) {}

    @Override
    protected void onPostAction(ValueEventArgs[] events) {}

    @Override
    protected void onConnected(GXDLMSConnectionEventArgs event) {}

    @Override
    protected void onInvalidConnection(GXDLMSConnectionEventArgs event) {}

    @Override
    protected void onDisconnected(GXDLMSConnectionEventArgs event) {}

    private static void listen(InterfaceType link, String name, KeyPair signing) throws Exception {
        ServerSocket listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
        System.out.println(name + " " + listener.getLocalPort());
        Thread thread =
                new Thread(
                        () -> {
                            while (true) {
                                try (Socket socket = listener.accept()) {
                                    serve(socket, new MeterServer(link, signing));
                                } catch (Exception error) {
                                    System.err.println(error);
                                }
                            }
                        });
        thread.setDaemon(true);
        thread.start();
    }

    private static void serve(Socket socket, MeterServer server) throws Exception {
        InputStream in = socket.getInputStream();
        OutputStream out = socket.getOutputStream();
        byte[] buffer = new byte[4096];
        for (int count = in.read(buffer); count > 0; count = in.read(buffer)) {
            GXServerReply reply = new GXServerReply(Arrays.copyOf(buffer, count));
            do {
                server.handleRequest(reply);
                if (reply.getReply() != null) out.write(reply.getReply());
            } while (reply.isStreaming());
        }
    }

    public static void main(String[] words) throws Exception {
        Base64.Decoder base64 = Base64.getDecoder();
        KeyFactory factory = KeyFactory.getInstance("EC");
        PublicKey client = factory.generatePublic(new X509EncodedKeySpec(base64.decode(words[0])));
        PrivateKey own = factory.generatePrivate(new PKCS8EncodedKeySpec(base64.decode(words[1])));
        KeyPair signing = new KeyPair(client, own);
        listen(InterfaceType.HDLC, "hdlc", signing);
        listen(InterfaceType.WRAPPER, "wrapper", signing);
        while (System.in.read() >= 0) {}
    }
}

import com.sun.net.httpserver.HttpServer;
import java.io.FileWriter;
import java.net.InetSocketAddress;
import java.util.Properties;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import kafka.tools.StorageTool;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;

/**
 * One Kafka broker on loopback: {@code Start <folder> <port> <controller port> <health port>}. Answers any HTTP request
 * to the health port once it is ready.
 */
public class Start {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("log.dirs", args[0] + "/data");
        settings.put("process.roles", "broker,controller");
        settings.put("node.id", "1");
        settings.put("controller.quorum.voters", "1@127.0.0.1:" + args[2]);
        settings.put("listeners", "PLAINTEXT://127.0.0.1:" + args[1] + ",CONTROLLER://127.0.0.1:" + args[2]);
        settings.put("advertised.listeners", "PLAINTEXT://127.0.0.1:" + args[1]);
        settings.put("controller.listener.names", "CONTROLLER");
        settings.put("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT");
        settings.put("offsets.topic.replication.factor", "1");
        settings.put("group.initial.rebalance.delay.ms", "0");
        settings.put("message.max.bytes", "10000000");
        String file = args[0] + "/server.properties";
        try (FileWriter writer = new FileWriter(file)) {
            settings.store(writer, null);
        }
        StorageTool.execute(
            new String[] {"format", "-t", Uuid.randomUuid().toString(), "-c", file}, System.err);
        new KafkaRaftServer(KafkaConfig.fromProps(settings), Time.SYSTEM).startup();

        HttpServer health = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[3])), 0);
        health.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        health.start();
    }
}

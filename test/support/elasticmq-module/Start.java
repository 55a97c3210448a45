import org.elasticmq.rest.sqs.SQSRestServerBuilder;

/** A server that speaks SQS, on loopback, which keeps its messages in memory: {@code Start <folder> <port>}. */
public class Start {
    public static void main(String[] args) {
        SQSRestServerBuilder.withInterface("127.0.0.1").withPort(Integer.parseInt(args[1])).start();
    }
}

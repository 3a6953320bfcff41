use strict;
use warnings;
use AnyEvent;
use AnyEvent::WebSocket::Client;
use JSON::PP;

my %payloads = (
  text   => [text   => 'hello'],
  empty  => [text   => ''],
  binary => [binary => "\x00\xff"],
  long   => [text   => 'x' x 2000],
  large  => [text   => 'x' x 2**20],
  emoji  => [text   => "\x{1f642}\x{1f643}\x{1f642}"],
);

sub attempt {
  my ($url, $sends, $subprotocol) = @_;
  my ($kind, $data) = @{$payloads{$sends} // ['']};
  my (@events, $connection);
  my $done = AnyEvent->condvar;
  my $late = AnyEvent->timer(after => 5, cb => sub { push @events, 'timeout'; $done->send });
  my $client = AnyEvent::WebSocket::Client->new(
    max_payload_size => 2**21,
    ssl_ca_file      => $ENV{SSL_CERT_FILE},
    $subprotocol eq '-' ? () : (subprotocol => $subprotocol),
  );
  $client->connect($url)->cb(sub {
    $connection = eval { shift->recv };
    unless ($connection) {
      push @events, 'error';
      return $done->send;
    }
    push @events, $connection->subprotocol ? 'open:' . $connection->subprotocol : 'open';
    $connection->on(each_message => sub {
      my ($connection, $message) = @_;
      my $is_same = $message->is_text ? $kind eq 'text' && $message->decoded_body eq $data : $kind eq 'binary' && $message->body eq $data;
      push @events, $is_same ? $kind : 'wrong';
      $connection->close(4001, 'bye');
    });
    $connection->on(parse_error => sub { push @events, 'error' });
    $connection->on(finish => sub {
      push @events, 'close:' . ($connection->close_code // '') . ':' . ($connection->close_reason // '');
      $done->send;
    });
    my $class = 'AnyEvent::WebSocket::Message';
    $connection->send($kind eq 'text' ? $data : $class->new(body => $data, opcode => 2)) if $kind;
  });
  $done->recv;
  return join ' ', @events;
}

$| = 1;
print encode_json({version => $AnyEvent::WebSocket::Client::VERSION}), "\n";
while (my ($check, @wanted) = splice @ARGV, 0, 4) {
  print encode_json({check => $check, events => attempt(@wanted)}), "\n";
}

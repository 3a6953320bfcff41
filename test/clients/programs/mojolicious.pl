use Mojo::Base -strict;
use Mojo::JSON qw(encode_json);
use Mojo::Promise;
use Mojo::UserAgent;
use Mojolicious;

my %payloads = (
  text   => {text   => 'hello'},
  empty  => {text   => ''},
  binary => {binary => "\x00\xff"},
  long   => {text   => 'x' x 2000},
  large  => {text   => 'x' x 2**20},
  emoji  => {text   => "\xf0\x9f\x99\x82\xf0\x9f\x99\x83\xf0\x9f\x99\x82"},
);

sub attempt {
  my ($url, $payload, $subprotocols, $report) = @_;
  my $done = Mojo::Promise->new;
  # Mojolicious offers compression only if it is asked to.
  my $headers = {'Sec-WebSocket-Extensions' => 'permessage-deflate'};
  my $ua = Mojo::UserAgent->new->max_response_size(2**22);
  $ua->websocket($url => $headers => $subprotocols => sub {
    my ($ua, $tx) = @_;
    unless ($tx->is_websocket) {
      my $status = $tx->res->code // 0;
      $report->($status > 101 ? "refused:$status" : 'error');
      return $done->resolve;
    }
    $tx->max_websocket_size(2**22);
    $report->($tx->protocol ? 'open:' . $tx->protocol : 'open');
    my $receive = sub {
      my ($kind, $data) = @_;
      $report->($payload && ($payload->{$kind} // "\0") eq $data ? $kind : 'wrong');
      $tx->finish(4001, 'bye');
    };
    $tx->on(text   => sub { $receive->(text => $_[1]) });
    $tx->on(binary => sub { $receive->(binary => $_[1]) });
    $tx->on(finish => sub {
      my ($tx, $code, $reason) = @_;
      $report->("close:$code:" . ($reason // ''));
      $done->resolve;
    });
    $tx->send($payload) if $payload;
  });
  my $late = Mojo::Promise->timer(5)->then(sub { $report->('timeout') });
  Mojo::Promise->race($done, $late)->wait;
}

$| = 1;
say encode_json {version => Mojolicious->VERSION};
while (my ($check, $url, $sends, $subprotocol) = splice @ARGV, 0, 4) {
  my @events;
  attempt($url, $payloads{$sends}, $subprotocol eq '-' ? [] : [$subprotocol], sub { push @events, @_ });
  say encode_json {check => $check, events => join ' ', @events};
}

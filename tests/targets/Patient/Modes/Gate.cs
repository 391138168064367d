// What the threads of the mode `blocked` wait in. Each wait is one line with a mark that the tests look for.
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Billing;

/// <summary>One lock that everybody wants. Its holder sleeps.</summary>
static class Gate
{
    private static readonly object _gate = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Enter()
    {
        Monitor.Enter(_gate); // MARK gate
        Monitor.Exit(_gate);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Hold(Action held)
    {
        lock (_gate)
        {
            held();
            Thread.Sleep(Timeout.Infinite); // MARK hold
        }
    }
}

static class Counter
{
    private static readonly object _ticket = new();
    private static readonly SemaphoreSlim _seats = new(0);
    private static readonly ManualResetEventSlim _open = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void AwaitTicket()
    {
        lock (_ticket)
            Monitor.Wait(_ticket); // MARK wait
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeSeat() => _seats.Wait(); // MARK semaphore

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void AwaitOpening() => _open.Wait(); // MARK event
}

/// <summary>Sync over async.</summary>
static class Payments
{
    private static readonly TaskCompletionSource<int> _never = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Charge() => GC.KeepAlive(Settle().Result); // MARK result

    private static async Task<int> Settle()
    {
        await Task.Yield();
        return await _never.Task;
    }

    /// <summary>Called by an asynchronous method on the pool.</summary>
    public static async Task Refund()
    {
        await Task.Yield();
        Charge(); // MARK refund
    }
}

static class Nap
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Take() => Thread.Sleep(Timeout.Infinite); // MARK sleep
}

static class Wire
{
    private static readonly Lazy<Socket> _listener = new(() =>
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1024);
        return listener;
    });

    /// <summary>Reads from somebody who never answers: accepting is not even needed for that.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Read()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(_listener.Value.LocalEndPoint!);
        socket.Receive(new byte[16]); // MARK socket
    }
}

#if NET9_0_OR_GREATER
static class Vault
{
    private static readonly Lock _vault = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Open()
    {
        _vault.Enter(); // MARK vault
        _vault.Exit();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Hold(Action held)
    {
        _vault.Enter();
        held();
        Thread.Sleep(Timeout.Infinite); // MARK vault-hold
    }
}
#endif

#pragma warning disable CS0067, CS0649 // what is there to be seen in the heap is never read
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Medic.Targets
{
    /// <summary>`heap leak KIND RATE`: RATE orders a second that are kept for ever, all in one place.</summary>
    sealed class Leak(string kind, int rate) : Heap
    {
        private static readonly Dictionary<string, (string Root, Action Keep)> Kinds = new()
        {
            ["dictionary"] = ("static Orders.History._orders", Orders.History.Keep),
            ["events"] = ("static Orders.Feed.Changed", Orders.Feed.Keep),
            ["timers"] = ("static System.Threading.TimerQueue", Orders.Reminder.Keep),
            ["threadstatic"] = ("thread static Orders.Session.t_seen", Orders.Session.Keep),
            ["table"] = ("static Orders.Customers._all", Orders.Customers.Keep),
            ["closures"] = ("static Orders.Undo._steps", Orders.Undo.Keep),
        };

        private readonly string _root = Kinds[kind].Root;
        private readonly Action _keep = Kinds[kind].Keep;
        private long _asked, _kept;

        /// <summary>All orders are kept by this thread, whose own static field one kind is about.</summary>
        public override void Start() => Run("clerk", () =>
        {
            var clock = Stopwatch.StartNew();
            for (; ; )
            {
                var due = Volatile.Read(ref _asked) + (long)(clock.Elapsed.TotalSeconds * rate);
                for (; _kept < due; Volatile.Write(ref _kept, _kept + 1))
                    _keep();
                Thread.Sleep(10);
            }
        });

        public override void WarmUp()
        {
            Grow(100);
            GC.Collect();
            GC.Collect();
        }

        /// <summary>Returns when they are there.</summary>
        private void Grow(long orders)
        {
            var wanted = Volatile.Read(ref _kept) + orders;
            Interlocked.Add(ref _asked, orders);
            SpinWait.SpinUntil(() => Volatile.Read(ref _kept) >= wanted);
        }

        public override void Command(string line)
        {
            if (line.StartsWith("grow "))
            {
                Grow(long.Parse(line[5..]));
                Console.WriteLine(Volatile.Read(ref _kept));
            }
            else
            {
                base.Command(line);
            }
        }

        protected override Truth Known()
        {
            var kept = Volatile.Read(ref _kept);
            var example = new Orders.Order();
            return new Truth().Type("Orders.Order", kept, Orders.Order.OwnBytes, example)
                .Holder(_root, "", kept * Orders.Order.Bytes);
        }

        protected override string More => $",\"unit\":{Orders.Order.Bytes}";
    }

    /// <summary>`heap healthy`: two threads make garbage, and a cache of 20,000 entries replaces the oldest.</summary>
    sealed class HealthyHeap : Heap
    {
        private const int Entries = 20_000;

        public override void Start()
        {
            for (var i = 0; i < Entries; i++)
                Orders.Recent.Put(i, Entries);
            Run("cache", () =>
            {
                for (long n = Entries; ; n++)
                {
                    Orders.Recent.Put(n, Entries);
                    if (n % 100 == 0)
                        Thread.Sleep(1);
                    Done();
                }
            });
            Run("garbage", () =>
            {
                for (; ; Done())
                {
                    for (var i = 0; i < 1000; i++)
                        GC.KeepAlive(new Orders.Order());
                    Thread.Sleep(1);
                }
            });
        }

        public override void WarmUp() => SpinWait.SpinUntil(() => Work >= 10_000, TimeSpan.FromSeconds(20));

        /// <summary>One of the entries may just be replaced by another.</summary>
        protected override Truth Known() => new Truth()
            .Type("Orders.Order", Entries, Orders.Order.OwnBytes)
            .Holder("static Orders.Recent._entries", "Orders.Order[]",
                Sizes.Array(8, Entries) + Entries * Orders.Order.Bytes);
    }
}

namespace Orders
{
    using Medic.Targets;

    /// <summary>256 bytes in two objects.</summary>
    sealed class Order
    {
        private const int BodyLength = 200;

        public readonly byte[] Body = new byte[BodyLength];
        public long Number;

        public static readonly long OwnBytes = Sizes.Object(16);
        public static readonly long Bytes = OwnBytes + Sizes.Array(1, BodyLength);
    }

    static class History
    {
        private static readonly Dictionary<long, Order> _orders = [];

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Keep() => _orders.Add(_orders.Count, new Order());
    }

    static class Feed
    {
        public static event Action? Changed;

        private sealed class Watcher(Order order)
        {
            public void OnChanged() => order.Number++;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Keep() => Changed += new Watcher(new Order()).OnChanged;
    }

    /// <summary>Nobody disposes of it, so the runtime's queue of timers keeps it.</summary>
    sealed class Reminder
    {
        private readonly Order _order = new();
        private readonly Timer _timer;

        private Reminder() => _timer = new Timer(Remind, null, TimeSpan.FromHours(1), TimeSpan.FromHours(1));

        private void Remind(object? state)
        {
            _order.Number++;
            GC.KeepAlive(_timer);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Keep() => GC.KeepAlive(new Reminder());
    }

    static class Session
    {
        [ThreadStatic]
        private static List<Order>? t_seen;

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Keep() => (t_seen ??= []).Add(new Order());
    }

    /// <summary>Orders hang on their customers by a ConditionalWeakTable, and the customers never leave.</summary>
    sealed class Customers
    {
        private static readonly List<Customers> _all = [];
        private static readonly ConditionalWeakTable<Customers, Order> _last = [];

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Keep()
        {
            var customer = new Customers();
            _all.Add(customer);
            _last.Add(customer, new Order());
        }
    }

    static class Undo
    {
        private static readonly List<Action> _steps = [];

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Keep()
        {
            var order = new Order();
            _steps.Add(() => order.Number++);
        }
    }

    static class Recent
    {
        private static Order[]? _entries;

        public static void Put(long number, int entries)
        {
            _entries ??= new Order[entries];
            _entries[number % entries] = new Order { Number = number };
        }
    }
}

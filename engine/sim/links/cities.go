package links

// cities are large ones all over the world, in hundredths of a degree. Their order is part of what a seed means.
var cities = [...]struct {
	name     string
	lat, lon int16
}{
	{"Tokyo", 3568, 13969}, {"Osaka", 3469, 13550}, {"Nagoya", 3518, 13691}, {"Fukuoka", 3359, 13040},
	{"Sapporo", 4306, 14135}, {"Seoul", 3757, 12698}, {"Busan", 3518, 12908}, {"Pyongyang", 3904, 12576},
	{"Beijing", 3990, 11641}, {"Shanghai", 3123, 12147}, {"Guangzhou", 2313, 11326}, {"Shenzhen", 2254, 11406},
	{"Chengdu", 3057, 10407}, {"Chongqing", 2956, 10655}, {"Wuhan", 3059, 11431}, {"Tianjin", 3934, 11736},
	{"Xi'an", 3434, 10894}, {"Nanjing", 3206, 11880}, {"Hangzhou", 3027, 12016}, {"Shenyang", 4181, 12343},
	{"Harbin", 4580, 12653}, {"Qingdao", 3607, 12038}, {"Kunming", 2488, 10283}, {"Urumqi", 4383, 8762},
	{"Hong Kong", 2232, 11417}, {"Macau", 2220, 11354}, {"Taipei", 2503, 12157}, {"Kaohsiung", 2263, 12030},
	{"Ulaanbaatar", 4789, 10691}, {"Manila", 1460, 12098}, {"Cebu", 1032, 12389}, {"Hanoi", 2103, 10585},
	{"Ho Chi Minh City", 1082, 10663}, {"Bangkok", 1376, 10050}, {"Chiang Mai", 1879, 9898},
	{"Phnom Penh", 1156, 10492}, {"Vientiane", 1798, 10263}, {"Yangon", 1687, 9620}, {"Kuala Lumpur", 314, 10169},
	{"Singapore", 135, 10382}, {"Jakarta", -621, 10685}, {"Surabaya", -726, 11275}, {"Bandung", -692, 10762},
	{"Medan", 360, 9867}, {"Denpasar", -865, 11522}, {"Delhi", 2861, 7721}, {"Mumbai", 1908, 7288},
	{"Bangalore", 1297, 7759}, {"Chennai", 1308, 8027}, {"Kolkata", 2257, 8836}, {"Hyderabad", 1739, 7849},
	{"Ahmedabad", 2302, 7257}, {"Pune", 1852, 7386}, {"Jaipur", 2691, 7579}, {"Lucknow", 2685, 8095},
	{"Dhaka", 2381, 9041}, {"Chittagong", 2236, 9178}, {"Kathmandu", 2772, 8532}, {"Colombo", 693, 7986},
	{"Karachi", 2486, 6701}, {"Lahore", 3155, 7434}, {"Islamabad", 3368, 7305}, {"Kabul", 3456, 6921},
	{"Tashkent", 4130, 6924}, {"Almaty", 4324, 7689}, {"Astana", 5117, 7145}, {"Bishkek", 4287, 7457},
	{"Dushanbe", 3856, 6879}, {"Ashgabat", 3796, 5833}, {"Tehran", 3569, 5139}, {"Mashhad", 3630, 5961},
	{"Isfahan", 3265, 5167}, {"Baghdad", 3331, 4437}, {"Basra", 3051, 4778}, {"Kuwait City", 2938, 4798},
	{"Riyadh", 2471, 4668}, {"Jeddah", 2149, 3919}, {"Doha", 2529, 5153}, {"Manama", 2623, 5059}, {"Dubai", 2520, 5527},
	{"Abu Dhabi", 2445, 5438}, {"Muscat", 2359, 5841}, {"Sanaa", 1537, 4419}, {"Amman", 3195, 3593},
	{"Beirut", 3389, 3550}, {"Damascus", 3351, 3629}, {"Tel Aviv", 3209, 3478}, {"Jerusalem", 3177, 3521},
	{"Nicosia", 3519, 3338}, {"Istanbul", 4101, 2898}, {"Ankara", 3993, 3286}, {"Izmir", 3842, 2714},
	{"Tbilisi", 4172, 4483}, {"Yerevan", 4018, 4451}, {"Baku", 4041, 4987}, {"Moscow", 5576, 3762},
	{"Saint Petersburg", 5993, 3034}, {"Novosibirsk", 5503, 8292}, {"Yekaterinburg", 5684, 6061}, {"Kazan", 5580, 4911},
	{"Samara", 5320, 5015}, {"Omsk", 5499, 7337}, {"Krasnoyarsk", 5601, 9287}, {"Khabarovsk", 4848, 13508},
	{"Vladivostok", 4312, 13189}, {"Rostov-on-Don", 4724, 3971}, {"Kyiv", 5045, 3052}, {"Kharkiv", 4999, 3623},
	{"Odesa", 4648, 3073}, {"Lviv", 4984, 2403}, {"Minsk", 5390, 2757}, {"Chisinau", 4701, 2886},
	{"Warsaw", 5223, 2101}, {"Krakow", 5006, 1994}, {"Vilnius", 5469, 2528}, {"Riga", 5695, 2411},
	{"Tallinn", 5944, 2475}, {"Helsinki", 6017, 2494}, {"Stockholm", 5933, 1807}, {"Gothenburg", 5771, 1197},
	{"Oslo", 5991, 1075}, {"Copenhagen", 5568, 1257}, {"Reykjavik", 6415, -2194}, {"Berlin", 5252, 1341},
	{"Hamburg", 5355, 999}, {"Munich", 4814, 1158}, {"Frankfurt", 5011, 868}, {"Cologne", 5094, 696},
	{"Amsterdam", 5237, 490}, {"Brussels", 5085, 435}, {"Luxembourg", 4961, 613}, {"Paris", 4886, 235},
	{"Lyon", 4576, 484}, {"Marseille", 4330, 537}, {"Zurich", 4738, 854}, {"Geneva", 4620, 614}, {"Vienna", 4821, 1637},
	{"Prague", 5008, 1444}, {"Bratislava", 4815, 1711}, {"Budapest", 4750, 1904}, {"Bucharest", 4443, 2610},
	{"Sofia", 4270, 2332}, {"Belgrade", 4479, 2045}, {"Zagreb", 4582, 1598}, {"Ljubljana", 4606, 1451},
	{"Sarajevo", 4386, 1841}, {"Skopje", 4200, 2143}, {"Tirana", 4133, 1982}, {"Athens", 3798, 2373},
	{"Thessaloniki", 4064, 2294}, {"Rome", 4190, 1250}, {"Milan", 4546, 919}, {"Naples", 4085, 1427},
	{"Palermo", 3812, 1336}, {"Valletta", 3590, 1451}, {"Madrid", 4042, -370}, {"Barcelona", 4139, 217},
	{"Valencia", 3947, -38}, {"Seville", 3739, -598}, {"Lisbon", 3872, -914}, {"Porto", 4116, -863},
	{"London", 5151, -13}, {"Manchester", 5348, -224}, {"Edinburgh", 5595, -319}, {"Dublin", 5335, -626},
	{"Cairo", 3004, 3124}, {"Alexandria", 3120, 2992}, {"Tripoli", 3289, 1319}, {"Tunis", 3681, 1018},
	{"Algiers", 3674, 309}, {"Casablanca", 3357, -759}, {"Rabat", 3402, -684}, {"Khartoum", 1550, 3256},
	{"Addis Ababa", 903, 3874}, {"Nairobi", -129, 3682}, {"Kampala", 35, 3258}, {"Kigali", -194, 3006},
	{"Dar es Salaam", -679, 3921}, {"Mogadishu", 205, 4532}, {"Kinshasa", -444, 1527}, {"Luanda", -884, 1323},
	{"Lusaka", -1539, 2832}, {"Harare", -1783, 3105}, {"Maputo", -2597, 3257}, {"Antananarivo", -1888, 4751},
	{"Port Louis", -2016, 5750}, {"Johannesburg", -2620, 2805}, {"Cape Town", -3392, 1842}, {"Durban", -2986, 3102},
	{"Windhoek", -2256, 1708}, {"Lagos", 652, 338}, {"Abuja", 906, 749}, {"Kano", 1200, 852}, {"Accra", 560, -19},
	{"Abidjan", 536, -401}, {"Dakar", 1472, -1747}, {"Bamako", 1264, -800}, {"Ouagadougou", 1237, -152},
	{"Douala", 405, 970}, {"New York", 4071, -7401}, {"Los Angeles", 3405, -11824}, {"Chicago", 4188, -8763},
	{"Houston", 2976, -9537}, {"Dallas", 3278, -9680}, {"Phoenix", 3345, -11207}, {"Philadelphia", 3995, -7517},
	{"San Diego", 3272, -11716}, {"San Francisco", 3777, -12242}, {"Seattle", 4761, -12233}, {"Denver", 3974, -10499},
	{"Atlanta", 3375, -8439}, {"Miami", 2576, -8019}, {"Boston", 4236, -7106}, {"Washington", 3891, -7704},
	{"Detroit", 4233, -8305}, {"Minneapolis", 4498, -9327}, {"Kansas City", 3910, -9458},
	{"Salt Lake City", 4076, -11189}, {"Portland", 4552, -12268}, {"Las Vegas", 3617, -11514},
	{"Honolulu", 2131, -15786}, {"Anchorage", 6122, -14990}, {"Toronto", 4365, -7938}, {"Montreal", 4550, -7357},
	{"Vancouver", 4928, -12312}, {"Calgary", 5105, -11407}, {"Halifax", 4465, -6358}, {"Mexico City", 1943, -9913},
	{"Guadalajara", 2067, -10335}, {"Monterrey", 2569, -10032}, {"Guatemala City", 1463, -9051},
	{"San Jose", 993, -8408}, {"Panama City", 898, -7952}, {"Havana", 2311, -8237}, {"Santo Domingo", 1849, -6993},
	{"San Juan", 1847, -6611}, {"Kingston", 1797, -7679}, {"Bogota", 471, -7407}, {"Medellin", 624, -7558},
	{"Caracas", 1048, -6690}, {"Quito", -18, -7847}, {"Guayaquil", -219, -7989}, {"Lima", -1205, -7704},
	{"La Paz", -1649, -6812}, {"Santiago", -3345, -7067}, {"Buenos Aires", -3460, -5838}, {"Cordoba", -3142, -6418},
	{"Montevideo", -3490, -5616}, {"Asuncion", -2526, -5758}, {"Sao Paulo", -2355, -4663},
	{"Rio de Janeiro", -2291, -4317}, {"Brasilia", -1579, -4788}, {"Belo Horizonte", -1992, -4394},
	{"Salvador", -1297, -3850}, {"Recife", -805, -3488}, {"Fortaleza", -373, -3853}, {"Porto Alegre", -3003, -5123},
	{"Manaus", -312, -6002}, {"Sydney", -3387, 15121}, {"Melbourne", -3781, 14496}, {"Brisbane", -2747, 15303},
	{"Perth", -3195, 11586}, {"Adelaide", -3493, 13860}, {"Auckland", -3685, 17476}, {"Wellington", -4129, 17478},
	{"Suva", -1814, 17844}, {"Port Moresby", -944, 14718}, {"Noumea", -2227, 16646},
}

// Cities returns the built-in places. Nodes spread over them, by Geographic and Matrix, are about as far apart as peers on
// the Internet are; it is for when no measured matrix is at hand.
func Cities() []Place {
	places := make([]Place, len(cities))
	for i, c := range cities {
		places[i] = Place{Name: c.name, Lat: int32(c.lat) * 10_000, Lon: int32(c.lon) * 10_000}
	}
	return places
}
